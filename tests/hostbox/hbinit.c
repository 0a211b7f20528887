/*
 * tests/hostbox/hbinit.c - process 1 of the boxed host, static, in its initrd
 *
 * Loads the modules packed in /mod, makes the root a tmpfs overlay over the outer machine's tree, sets up what a
 * booted host has, and runs the command that hostbox left in a directory of the
 * outer tree: its output and exit status go out as frames (frame.h) on one port, its
 * input comes raw on another (one port would not do: once the outer side has closed
 * it, writing to it blocks). The command's outputs are pipes, because a port cannot be
 * opened a second time, as writing to /dev/stderr would.
 *
 * Kernel command line: hb.dir=DIR holds `argv`, `env`, `cwd` (words ended by NUL),
 * hb.mod=DIR the module tree, hb.share=1 says that there is a share to mount.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"

#define PORT_WAIT_MS 5000
#define P9_COMMON "trans=virtio,version=9p2000.L,msize=512000"
#define COMMAND_MAX (1 << 20) /* bytes of arguments, and of environment */
#define WORDS_MAX 4096
#define END_WAIT_SECONDS 30 /* hbrun ends the machine long before */

#define APIC_BASE_ENABLED (1ULL << 11)

enum output { OUT, ERR, OUTPUT_COUNT };

struct command {
	char **argv;
	char **env;
	const char *cwd;
	pid_t pid;
	int status;
	int outputs[OUTPUT_COUNT]; /* owned: read ends, -1 when at their end */
};

/* To the kernel's log, so to the box's console: before and beside any command. */
static void say(const char *format, ...)
{
	char text[512] = "<4>hostbox: ";
	const size_t head = strlen(text);
	const int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	va_list args;

	va_start(args, format);
	vsnprintf(text + head, sizeof(text) - head, format, args);
	va_end(args);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		perror("kmsg");
	close(fd);
}

/* %20 and the like, with which the outer side makes one word of a path. */
static char *decoded(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned code;

		if (sscanf(from, "%%%2x", &code) == 1) {
			*to = (char)code;
			from += 3;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return text;
}

/* The value of `key` ("hb.dir=") on the kernel's command line, "" without it. */
static char *boot_word(const char *key)
{
	char line[4096] = " ";
	char *at, *value = NULL;
	const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (read(fd, line, sizeof(line) - 1) < 0)
		say("/proc/cmdline: %s", strerror(errno));
	close(fd);
	at = strstr(line, key);
	if (at && sscanf(at + strlen(key), "%m[^ \n]", &value) == 1)
		return decoded(value);
	return strdup("");
}

static void mount_at(const char *what, const char *where, const char *type,
		     unsigned long flags, const char *options)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, options))
		say("mount %s: %s", where, strerror(errno));
}

static void put(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("%s: %s", path, strerror(errno));
	close(fd);
}

/* In the order of their names. */
static void load_modules(void)
{
	struct dirent **files;
	const int count = scandir("/mod", &files, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[300];
		int fd;

		if (files[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/mod/%s", files[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, "", 0))
			say("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static void mount_root(void)
{
	char *modules = boot_word("hb.mod=");
	char *share = boot_word("hb.share=");

	mount_at("hbroot", "/lower", "9p", MS_RDONLY, P9_COMMON ",cache=loose");
	mount_at("tmpfs", "/rw", "tmpfs", 0, "size=75%");
	mkdir("/rw/up", 0755);
	mkdir("/rw/work", 0755);
	mount_at("root", "/new", "overlay", 0,
		 "lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work");
	mount_at("run", "/new/run", "tmpfs", 0, "mode=755");
	if (*share)
		mount_at("hbshare", "/new/run/hostbox", "9p", 0,
			 P9_COMMON ",access=any");
	mount_at(modules, "/new/lib/modules", "none", MS_BIND, NULL);
	free(modules);
	free(share);
}

static void switch_root(void)
{
	mount_at("/proc", "/new/proc", NULL, MS_MOVE, NULL);
	mount_at("/sys", "/new/sys", NULL, MS_MOVE, NULL);
	mount_at("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") ||
	    chdir("/"))
		say("switch root: %s", strerror(errno));
}

static void link_at(const char *target, const char *path)
{
	if (symlink(target, path) && errno != EEXIST)
		say("%s: %s", path, strerror(errno));
}

/* What an init system would have done before anybody can log in. */
static void furnish(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	mount_at("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
	mount_at("shm", "/dev/shm", "tmpfs", 0, "mode=1777");
	mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, "nsdelegate");
	mount_at("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	put("/sys/fs/cgroup/cgroup.subtree_control", "+cpu +memory +io +pids");
	link_at("/proc/self/fd", "/dev/fd");
	link_at("fd/0", "/dev/stdin");
	link_at("fd/1", "/dev/stdout");
	link_at("fd/2", "/dev/stderr");
	if (sethostname("hostbox", strlen("hostbox")))
		say("host name: %s", strerror(errno));
	ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

/* Make one vCPU, never run and never closed; 0 or -errno. */
static int hold_vcpu(int kvm, bool irqchip, bool apic_enabled)
{
	const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_sregs sregs;
	int vcpu;

	if (irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		return -errno;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -errno;
	if (!apic_enabled)
		sregs.apic_base &= ~APIC_BASE_ENABLED;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) ? -errno : 0;
}

/*
 * QEMU before 8.1 may keep a stale translation of code that one CPU rewrites while
 * another runs it: the kernel then meets an int3 of its own that it has forgotten, and
 * the box dies. KVM and the scheduler rewrite themselves (static keys) when the first
 * VM comes and the last goes, and with the first and last vCPU whose local APIC is
 * missing, off, or not enabled by software; so one of each is always there. Memory
 * control does so with the first group. All before there is a second CPU.
 */
static void hold_kvm(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (hold_vcpu(kvm, false, true) ||
	    hold_vcpu(kvm, true, true) || /* software has not enabled it yet */
	    hold_vcpu(kvm, true, false))
		say("cannot hold KVM: %s", strerror(errno));
}

static void rewrite_code(void)
{
	hold_kvm();
	if (mkdir("/sys/fs/cgroup/first", 0755) || rmdir("/sys/fs/cgroup/first"))
		say("first control group: %s", strerror(errno));
}

/* The command line kept all but the first CPU away. */
static void start_cpus(void)
{
	char path[64];

	for (int cpu = 1;; cpu++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
			 cpu);
		if (access(path, F_OK))
			return;
		put(path, "1");
	}
}

/* Words ended by NUL in DIR/NAME, as a list that ends with NULL; never freed. */
static char **read_words(const char *dir, const char *name)
{
	char **words = calloc(WORDS_MAX + 1, sizeof(*words));
	char *text = calloc(1, COMMAND_MAX + 1);
	char path[512];
	size_t bytes = 0, count = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (text && (n = read(fd, text + bytes, COMMAND_MAX - bytes)) > 0)
		bytes += (size_t)n;
	if (!words || !text || fd < 0 || bytes == COMMAND_MAX)
		say("%s: cannot be read, or too long", path);
	close(fd);
	for (char *at = text; words && at < text + bytes && count < WORDS_MAX;
	     at += strlen(at) + 1)
		words[count++] = at;
	return words;
}

/* Set `path` to the device file of the port called `name`; whether it is there. */
static bool find_port(const char *name, char *path, size_t bytes)
{
	DIR *ports = opendir("/sys/class/virtio-ports");
	bool found = false;

	for (struct dirent *d; ports && !found && (d = readdir(ports));) {
		char has[64] = "";
		int fd;

		snprintf(path, bytes, "/sys/class/virtio-ports/%s/name", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, has, sizeof(has) - 1) > 0)
			found = !strncmp(has, name, strlen(name));
		close(fd);
		snprintf(path, bytes, "/dev/%s", d->d_name);
	}
	if (ports)
		closedir(ports);
	return found;
}

/* A port comes up some time after its driver: the outer side has to announce it. */
static int open_port(const char *name)
{
	char path[300];
	int fd;

	for (int tries = 0; tries < PORT_WAIT_MS; tries++) {
		if (find_port(name, path, sizeof(path))) {
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd >= 0)
				return fd;
		}
		usleep(1000);
	}
	say("no port %s: %s", name, strerror(errno));
	return -1;
}

static void send_frame(int port, struct frame *f, enum frame_kind kind, size_t bytes)
{
	const uint8_t *at = (const uint8_t *)f;
	size_t left = FRAME_HEAD_BYTES + bytes;

	f->kind = kind;
	f->bytes = (uint32_t)bytes;
	while (left) {
		const ssize_t n = write(port, at, left);

		if (n < 0 && errno != EINTR) {
			say("port: %s", strerror(errno));
			return;
		}
		if (n > 0) {
			at += n;
			left -= (size_t)n;
		}
	}
}

/* Start the command with `in` as its input; its outputs are pipes to us. */
static void start_command(struct command *cmd, int in, const sigset_t *mask)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		say("pipe: %s", strerror(errno));
	cmd->pid = fork();
	if (!cmd->pid) {
		setsid();
		dup2(in, STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		sigprocmask(SIG_SETMASK, mask, NULL);
		if (!chdir(cmd->cwd)) {
			environ = cmd->env;
			execvp(cmd->argv[0], cmd->argv);
		}
		fprintf(stderr, "hostbox: %s: %s\n", cmd->argv[0], strerror(errno));
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	cmd->outputs[OUT] = out[0];
	cmd->outputs[ERR] = err[0];
}

/* Pass on what one output has now, once it has something; how many bytes. */
static size_t pass_on(struct command *cmd, enum output which, int port, struct frame *f)
{
	struct pollfd p = { .fd = cmd->outputs[which], .events = POLLIN };
	ssize_t n;

	if (p.fd < 0 || poll(&p, 1, 0) <= 0)
		return 0;
	n = read(p.fd, f->payload, FRAME_PAYLOAD_MAX);
	if (n > 0) {
		send_frame(port, f, which == OUT ? FRAME_STDOUT : FRAME_STDERR,
			   (size_t)n);
		return (size_t)n;
	}
	close(p.fd);
	cmd->outputs[which] = -1;
	return 0;
}

/* Pass on what the command left in a pipe; others may still be filling it. */
static void drain(struct command *cmd, enum output which, int port, struct frame *f)
{
	int left = 0;

	ioctl(cmd->outputs[which], FIONREAD, &left);
	while (left > 0) {
		const size_t n = pass_on(cmd, which, port, f);

		if (!n)
			return;
		left -= (int)n;
	}
}

/* Reap whoever has ended, orphans too; whether the command is among them. */
static bool reap(struct command *cmd)
{
	bool ended = false;
	int status;

	for (pid_t p; (p = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (p != cmd->pid)
			continue;
		ended = true;
		cmd->status = WIFEXITED(status) ? WEXITSTATUS(status)
						: 128 + WTERMSIG(status);
	}
	return ended;
}

/* Run the command to its end. What it left running ends with the machine. */
static void run_command(struct command *cmd, int in, int port)
{
	struct frame *f = calloc(1, sizeof(*f));
	struct pollfd wait_for[1 + OUTPUT_COUNT] = { { .events = POLLIN },
						     { .events = POLLIN },
						     { .events = POLLIN } };
	struct signalfd_siginfo info;
	sigset_t children, before;
	bool ended = false;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, &before);
	wait_for[0].fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	send_frame(port, f, FRAME_STARTED, 0);
	start_command(cmd, in, &before);
	while (!ended) {
		wait_for[1].fd = cmd->outputs[OUT];
		wait_for[2].fd = cmd->outputs[ERR];
		poll(wait_for, 1 + OUTPUT_COUNT, -1);
		pass_on(cmd, OUT, port, f);
		pass_on(cmd, ERR, port, f);
		if (read(wait_for[0].fd, &info, sizeof(info)) > 0)
			ended = reap(cmd);
	}
	drain(cmd, OUT, port, f);
	drain(cmd, ERR, port, f);
	f->payload[0] = (uint8_t)cmd->status;
	send_frame(port, f, FRAME_EXITED, 1);
}

int main(void)
{
	struct command cmd = { 0 };
	char *dir;
	int in, out;

	mount_at("proc", "/proc", "proc", 0, NULL);
	mount_at("sys", "/sys", "sysfs", 0, NULL);
	mount_at("dev", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	mount_root();
	dir = boot_word("hb.dir=");
	cmd.argv = read_words(dir, "argv");
	cmd.env = read_words(dir, "env");
	cmd.cwd = read_words(dir, "cwd")[0];
	switch_root();
	furnish();
	rewrite_code();
	start_cpus();
	in = open_port("hb.in");
	out = open_port("hb.out");
	if (in >= 0 && out >= 0 && cmd.argv[0] && cmd.cwd)
		run_command(&cmd, in, out);
	sleep(END_WAIT_SECONDS);
	reboot(RB_POWER_OFF);
}
