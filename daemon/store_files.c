/*
 * daemon/store_files.c - files beside the database: identity.json and definitions/
 *
 * They are copies, written after the commit, out of which store_recover() makes a
 * database when that is lost. One that cannot be written fails no commit: it stays
 * on a list and is tried again with each later one. The list is not kept over a
 * restart, since comparing all files with all records makes it anew; of a deleted VM
 * the database remembers that its file is to go, so that a file without a record
 * is never taken for rubbish.
 *
 * Not here: when (store_writer.c, store.c).
 */
#include "daemon/store_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/store_check.h"

#define FILE_MODE 0600
#define FILE_MAX (1 << 20)
#define SUFFIX ".json"
#define TEMPORARY ".%s" SUFFIX ".new"
#define CHUNK 64 /* files that are written together, each with a descriptor */

void store_files_fini(struct store_files *f)
{
	for (size_t i = 0; i < f->n_todo; i++) {
		free(f->todo[i].id);
		free(f->todo[i].text);
	}
	store_files_forget_removed(f);
	free(f->todo);
	free(f->removed);
	*f = (struct store_files){ .dirfd = -1 };
}

void store_files_forget_removed(struct store_files *f)
{
	while (f->n_removed)
		free(f->removed[--f->n_removed]);
}

/* For an id that is not on the list yet. */
static void append(struct store_files *f, const char *id, char *text)
{
	if (f->n_todo == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		f->todo = mem_grow(f->todo, f->room, sizeof(*f->todo));
	}
	f->todo[f->n_todo++] = (struct store_file){ mem_strdup(id), text };
}

void store_files_add(struct store_files *f, const char *id, char *text)
{
	for (size_t i = 0; i < f->n_todo; i++)
		if (str_eq(f->todo[i].id, id)) {
			free(f->todo[i].text);
			f->todo[i].text = text;
			return;
		}
	append(f, id, text);
}

/* The new content, beside its place and on its way to the disk. A descriptor. */
static int begin_write(const struct store_files *f, const struct store_file *file)
{
	autofree char *tmp = mem_printf(TEMPORARY, file->id);
	autofree char *line = mem_printf("%s\n", file->text);
	autofd int fd = openat(f->dirfd, tmp,
			       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			       FILE_MODE);

	if (fd < 0)
		return -errno;
	int rc = fd_write_all(fd, line, strlen(line));

	if (rc < 0) {
		unlinkat(f->dirfd, tmp, 0);
		return rc;
	}
	/* Only a start: fsync() waits, and for all of a chunk together. */
	sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return steal_fd(&fd);
}

/* Consumes `fd`. */
static int end_write(const struct store_files *f, const struct store_file *file, int fd)
{
	autofree char *tmp = mem_printf(TEMPORARY, file->id);
	autofree char *name = mem_printf("%s" SUFFIX, file->id);
	int rc = fsync(fd) < 0 ? -errno : 0;

	close(fd);
	if (rc == 0 && renameat(f->dirfd, tmp, f->dirfd, name) < 0)
		rc = -errno;
	if (rc < 0)
		unlinkat(f->dirfd, tmp, 0);
	return rc;
}

static int remove_file(const struct store_files *f, const struct store_file *file)
{
	autofree char *name = mem_printf("%s" SUFFIX, file->id);

	return unlinkat(f->dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* What fd_replace_file() does, for `n` files with the waiting done once. */
static void bring_about(const struct store_files *f, const struct store_file *files,
			size_t n, int *out_rc)
{
	bool full = false, changed = false;

	for (size_t i = 0; i < n; i++) {
		if (!files[i].text)
			out_rc[i] = remove_file(f, &files[i]);
		else /* there is no use in trying the others */
			out_rc[i] = full ? -ENOSPC : begin_write(f, &files[i]);
		full = full || out_rc[i] == -ENOSPC || out_rc[i] == -EDQUOT;
	}
	for (size_t i = 0; i < n; i++) {
		if (files[i].text && out_rc[i] >= 0)
			out_rc[i] = end_write(f, &files[i], out_rc[i]);
		changed = changed || out_rc[i] == 0;
	}
	if (!changed || fsync(f->dirfd) == 0)
		return;
	int why = -errno;

	for (size_t i = 0; i < n; i++)
		out_rc[i] = why;
}

/* Consumes `id`. */
static void forget_removal(struct store_files *f, char *id)
{
	if (f->n_removed == f->removed_room) {
		f->removed_room = f->removed_room ? 2 * f->removed_room : 16;
		f->removed = mem_grow(f->removed, f->removed_room, sizeof(*f->removed));
	}
	f->removed[f->n_removed++] = id;
}

static void finish(struct store_files *f, struct store_file *file)
{
	if (!file->text) {
		forget_removal(f, file->id);
		return;
	}
	free(file->id);
	free(file->text);
}

static void tell(struct store_files *f, const char *id, int rc)
{
	if (f->n_todo && !f->failing)
		log_error("%s/%s" SUFFIX ": %s; %zu definition files wait to be written"
			  " with a later change",
			  STORE_DEFINITIONS, id, strerror(-rc), f->n_todo);
	else if (!f->n_todo && f->failing)
		log_info("all definition files are written again");
	f->failing = f->n_todo != 0;
}

void store_files_flush(struct store_files *f)
{
	size_t kept = 0, n;
	int failed = 0, rc[CHUNK];

	for (size_t at = 0; at < f->n_todo; at += n) {
		n = MIN(f->n_todo - at, (size_t)CHUNK);
		bring_about(f, &f->todo[at], n, rc);
		for (size_t i = 0; i < n; i++) {
			if (rc[i] == 0) {
				finish(f, &f->todo[at + i]);
				continue;
			}
			failed = failed ? failed : rc[i];
			f->todo[kept++] = f->todo[at + i];
		}
	}
	f->n_todo = kept;
	tell(f, kept ? f->todo[0].id : NULL, failed);
}

static bool ends_in_json(const char *name)
{
	size_t len = strlen(name), suffix = strlen(SUFFIX);

	return *name != '.' && len > suffix && str_eq(name + len - suffix, SUFFIX);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **store_files_list(const struct store_dir *d, size_t *out_n)
{
	int fd = d->definitions < 0 ? -1
				    : openat(d->definitions, ".",
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL;
	size_t n = 0, room = 0;

	*out_n = 0;
	if (!dir) {
		cleanup_close(&fd);
		return NULL;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (!ends_in_json(entry->d_name))
			continue;
		if (n == room) {
			room = room ? 2 * room : 16;
			names = mem_grow(names, room, sizeof(*names));
		}
		names[n++] = mem_strdup(entry->d_name);
	}
	closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	*out_n = n;
	return names;
}

void store_files_list_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

bool store_files_is_definition(const char *name, char out_id[UUID_TEXT])
{
	char id[UUID_TEXT] = "";

	if (strlen(name) != UUID_TEXT - 1 + strlen(SUFFIX) ||
	    !str_eq(name + UUID_TEXT - 1, SUFFIX))
		return false;
	memcpy(id, name, UUID_TEXT - 1);
	if (!uuid_valid(id))
		return false;
	memcpy(out_id, id, sizeof(id));
	return true;
}

static int parse(const char *name, const char *text, size_t len, struct vm_record *out,
		 struct err **e)
{
	autofini(vm_record) vm = { 0 };

	if (vm_record_parse(text, len, DECODE_LENIENT, &vm, e) < 0)
		return -1;
	if (strncmp(name, vm.definition.id, UUID_TEXT - 1) != 0)
		return err_set(e, ERR_INVALID_PARAMS, "it is that of VM %s",
			       vm.definition.id);
	*out = vm;
	vm = (struct vm_record){ 0 };
	return 0;
}

int store_files_read(int definitions, const char *name, struct vm_record *out,
		     struct err **e)
{
	autofree char *text = NULL;
	size_t len;
	int rc = fd_read_file(definitions, name, FILE_MAX, &text, &len);

	if (rc < 0)
		return err_sys(e, rc, "read %s/%s", STORE_DEFINITIONS, name);
	if (parse(name, text, len, out, e) < 0)
		return err_wrap(e, "%s/%s", STORE_DEFINITIONS, name);
	return 0;
}

bool store_record_newer(const struct vm_record *a, const struct vm_record *b)
{
	uint64_t in_a = a->instance ? a->instance->number : 0;
	uint64_t in_b = b->instance ? b->instance->number : 0;

	return a->definition.revision > b->definition.revision || in_a > in_b;
}

/* One record and its file, which may be absent or unreadable. */
static int compare_one(struct store_files *f, const struct store_dir *d,
		       const struct vm_record *vm, struct err **e)
{
	autofini(vm_record) file = { 0 };
	autofree char *name = mem_printf("%s" SUFFIX, vm->definition.id);
	autofree char *json = vm_record_format(vm);
	autofree char *text = NULL;
	size_t len = 0, json_len = strlen(json);

	if (d->definitions < 0 ||
	    fd_read_file(d->definitions, name, FILE_MAX, &text, &len) < 0) {
		append(f, vm->definition.id, steal(json));
		return 0;
	}
	if (len == json_len + 1 && memcmp(text, json, json_len) == 0)
		return 0;
	if (parse(name, text, len, &file, NULL) == 0 && store_record_newer(&file, vm))
		return store_damaged(e,
				     "%s/%s lost a change of VM %s (%s): its definition"
				     " file is newer",
				     d->path, STORE_DB, vm->definition.name,
				     vm->definition.id);
	append(f, vm->definition.id, steal(json));
	return 0;
}

static int by_id(const void *key, const void *item)
{
	const struct vm_record *vm = item;

	return strcmp(key, vm->definition.id);
}

static bool has_vm(const struct store_content *c, const char *id)
{
	return c->n_vms && bsearch(id, c->vms, c->n_vms, sizeof(*c->vms), by_id);
}

static bool listed(char *const *ids, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(ids[i], id))
			return true;
	return false;
}

static void report_strays(const struct store_dir *d, const struct store_content *c,
			  char *const *removals, size_t n_removals)
{
	size_t n;
	char **names = store_files_list(d, &n), id[UUID_TEXT];

	for (size_t i = 0; i < n; i++)
		if (!store_files_is_definition(names[i], id) ||
		    (!has_vm(c, id) && !listed(removals, n_removals, id)))
			log_warn("%s/%s/%s belongs to no VM; it is left alone", d->path,
				 STORE_DEFINITIONS, names[i]);
	store_files_list_free(names, n);
}

int store_files_compare(struct store_files *f, const struct store_dir *d,
			const struct store_content *c, char *const *removals,
			size_t n_removals, struct err **e)
{
	for (size_t i = 0; i < c->n_vms; i++)
		if (compare_one(f, d, &c->vms[i], e) < 0)
			return -1;
	for (size_t i = 0; i < n_removals; i++)
		if (has_vm(c, removals[i]))
			forget_removal(f, mem_strdup(removals[i]));
		else
			append(f, removals[i], NULL);
	report_strays(d, c, removals, n_removals);
	return 0;
}

int store_identity_read(const struct store_dir *d, struct database_identity *out,
			struct err **e)
{
	autofree char *text = NULL;
	size_t len;
	int rc = fd_read_file(d->fd, STORE_IDENTITY, FILE_MAX, &text, &len);

	if (rc < 0)
		return err_sys(e, rc, "read %s/%s", d->path, STORE_IDENTITY);
	return database_identity_parse(text, len, DECODE_LENIENT, out, e);
}

int store_identity_write(const struct store_dir *d, const struct database_identity *id,
			 struct err **e)
{
	autofree char *json = database_identity_format(id);
	autofree char *line = mem_printf("%s\n", json);
	int rc = fd_replace_file(d->fd, STORE_IDENTITY, line, strlen(line), FILE_MODE);

	if (rc < 0)
		return err_sys(e, rc, "write %s/%s", d->path, STORE_IDENTITY);
	return 0;
}
