# shellcheck shell=bash
# tests/lib/kernel.sh - Debian's kernel packages, and caches of what is made from them
#
# Sourced by tests/hostbox/build and tests/images/build. Everything lies outside the
# tree, in ${VX_CACHE:-${XDG_CACHE_HOME:-~/.cache}/vx}:
#
#   packages/META/NAME_VERSION_amd64.deb   the newest package that META led to
#   KIND/KERNEL-HASH/                      what a build script made of it; HASH is of
#                                          the script and all else that went in
#
# A build script runs with `set -eu`, sets `kind`, `meta` and `inputs` (files) and
# defines fill KERNEL_DIR OUT_DIR. Nothing half-made is ever seen under a final name.

# shellcheck disable=SC2154 # set by who sources this: kind, inputs, meta

lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${VX_CACHE:-${XDG_CACHE_HOME:-~/.cache}/vx}

die() {
	echo "$kind: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# The real package behind META now, as "NAME VERSION"; fails if apt does not know it.
resolve() {
	local name version
	name=$(apt-cache depends "$1" 2>/dev/null |
		awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
	[ -n "$name" ] || return 1
	version=$(apt-cache show --no-all-versions "$name" 2>/dev/null |
		awk '$1 == "Version:" { print $2; exit }')
	[ -n "$version" ] && echo "$name $version"
}

# Bring META's package into packages/META, unless it is there. The sandbox user of apt
# could not write to the directory.
download() {
	local name version dir=$cache/packages/$1 temp
	read -r name version < <(resolve "$1") || return 1
	[ ! -f "$dir/${name}_${version}_amd64.deb" ] || return 0
	echo "$kind: fetching $name" >&2
	temp=$(mktemp -d "$cache/packages/fetch.XXXXXX")
	if (cd "$temp" && apt-get -qq -o APT::Sandbox::User=root download "$name" >&2) &&
		dpkg-deb --info "$temp"/*.deb >/dev/null; then
		mkdir -p "$dir"
		rm -f "$dir"/*.deb
		mv "$temp"/*.deb "$dir/${name}_${version}_amd64.deb"
	fi
	rm -rf "$temp"
	[ -f "$dir/${name}_${version}_amd64.deb" ]
}

# The package file of META: the newest, else (apt's lists renewed once) an older one.
package() {
	local meta=$1 dir=$cache/packages/$1
	mkdir -p "$cache/packages"
	if ! download "$meta"; then
		echo "$kind: renewing apt's lists" >&2
		as_root apt-get -qq update >&2 || true
		download "$meta" ||
			echo "$kind: $meta cannot be fetched; using the one in the cache" >&2
	fi
	set -- "$dir"/*.deb
	[ -f "$1" ] || die "no $meta to be had: is bookworm-security in apt's sources," \
		"and its server reachable? ('apt-get download $meta' tells more)"
	echo "$1"
}

inputs_hash() {
	cat "${inputs[@]}" "$lib/kernel.sh" "$lib/extract-vmlinux" | sha256sum | cut -c 1-12
}

# Set `dir` to the newest finished directory for the present inputs, if there is one.
built() {
	local hash
	hash=$(inputs_hash)
	dir=$(compgen -G "$cache/$kind/*-$hash" | sort -V | tail -n 1)
	[ -n "$dir" ]
}

# Set `dir` to the finished directory for META's newest kernel, made first if need be.
# Not to be called where bash ignores errors (`build || ...`, `if build`).
build() {
	local deb version temp=$cache/$kind/tmp
	mkdir -p "$cache/$kind"
	exec 9>"$cache/lock"
	flock 9
	rm -rf "$cache"/packages/fetch.* "$temp" # of those who died with the lock
	deb=$(package "$meta")
	version=${deb##*/linux-image-}
	dir=$cache/$kind/${version%%_*}-$(inputs_hash)
	if [ ! -d "$dir" ]; then
		echo "$kind: building for ${version%%_*}" >&2
		mkdir "$temp" "$temp/out"
		dpkg -x "$deb" "$temp/kernel"
		fill "$temp/kernel" "$temp/out"
		mv -T "$temp/out" "$dir"
		rm -rf "$temp"
	fi
	touch "$dir"
	# of other inputs or kernels, and not asked for since a month
	find "$cache/$kind" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +
	exec 9>&-
}

# module_files KERNEL_DIR MODULE...: the files to load, dependencies first; what is
# built in needs none.
module_files() {
	local kernel=$1 version
	shift
	version=$(basename "$kernel"/lib/modules/*)
	[ -f "$kernel/lib/modules/$version/modules.dep" ] || depmod -b "$kernel" "$version"
	modprobe -C /dev/null -d "$kernel" -S "$version" --show-depends -a "$@" |
		awk 'sub(/^insmod /, "") && sub(/ *$/, "") && !seen[$0]++'
}

# unpack_module FILE OUT
unpack_module() {
	case $1 in
	*.xz) xz -dc "$1" >"$2" ;;
	*) cp "$1" "$2" ;;
	esac
	strip -g "$2"
}

# pack_initrd DIR OUT: the same bytes for the same tree
pack_initrd() {
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . | LC_ALL=C sort |
		cpio -o -H newc -R 0:0 --reproducible --quiet) >"$2"
}
