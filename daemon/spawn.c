/*
 * daemon/spawn.c - what a start needs, and the keeper that it makes
 *
 * All a worker will ever have is put into one message before its keeper exists
 * (docs/decisions/0001): the definition, /dev/kvm, its listening socket, the console's
 * ring and the files that it boots from.
 */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/channel.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/jail.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/exit_record.h"
#include "daemon/keeper_id.h"
#include "schema/console_ring.h"
#include "schema/gen/worker.h"

#define CONTROL_NAME "control.sock"
/* In the keeper. */
#define KEEPER_FD_START 3
#define KEEPER_FD_DIR 4

void boot_files_free(struct boot_files *f)
{
	if (!f)
		return;
	cleanup_close(&f->kernel);
	cleanup_close(&f->initrd);
	for (size_t i = 0; i < f->n_modules; i++)
		cleanup_close(&f->modules[i]);
	free(f->modules);
	free(f);
}
AUTOPTR(boot_files, boot_files_free);

/* A regular file: a pipe or a device could keep the worker waiting for ever. */
static int open_regular(const char *what, const char *path, struct err **e)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(e, errno, "%s %s", what, path);
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_BAD_IMAGE, "%s %s: not a regular file", what, path);
	} else {
		return steal_fd(&fd);
	}
	return err_object(e, path);
}

struct boot_files *boot_files_open(const struct vm_definition *vm, struct err **e)
{
	autoptr(boot_files) f = mem_new(struct boot_files);
	const struct boot *boot = &vm->boot;

	f->kernel = f->initrd = -1;
	f->kernel = open_regular("kernel", boot->kernel, e);
	if (f->kernel < 0)
		return NULL;
	if (boot->initrd) {
		f->initrd = open_regular("initrd", boot->initrd, e);
		if (f->initrd < 0)
			return NULL;
	}
	f->modules = boot->n_modules ? mem_array(boot->n_modules, sizeof(int)) : NULL;
	for (size_t i = 0; i < boot->n_modules; i++) {
		f->modules[i] = open_regular("module", boot->modules[i], e);
		if (f->modules[i] < 0)
			return NULL;
		f->n_modules++;
	}
	return steal(f);
}

void spawned_fini(struct spawned *s)
{
	cleanup_close(&s->dir);
	cleanup_close(&s->start);
	cleanup_close(&s->keeper);
	cleanup_close(&s->ring);
	cleanup_close(&s->kick);
}

/* -- the instance's directory */

int instance_dir_open(struct vxd *d, const char *vm, uint64_t number)
{
	autofree char *path = mem_printf("%s/%llu", vm, (unsigned long long)number);
	int fd = openat(d->vms_dir, path,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Has it a keeper or a worker, whatever the database says? */
static bool instance_lives(struct vxd *d, const char *vm, uint64_t number)
{
	autofd int dir = instance_dir_open(d, vm, number);
	uint64_t pid, start, now;
	pid_t worker;

	if (dir < 0 || faccessat(dir, EXIT_RECORD_NAME, F_OK, 0) == 0)
		return false;
	if (keeper_id_read(dir, &pid, &start) &&
	    process_start_time((pid_t)pid, &now) == 0 && now == start)
		return true;

	autofd int fd = control_connect(dir, &worker);

	return fd >= 0 || fd == -EAGAIN;
}

static int make_dir(struct vxd *d, const char *vm, uint64_t number, struct err **e)
{
	autofree char *path = mem_printf("%s/%llu", vm, (unsigned long long)number);
	int fd = -1;

	if (instance_lives(d, vm, number))
		return err_set(e, ERR_CONFLICT,
			       "a worker that the database does not know runs this VM, "
			       "as its instance %llu",
			       (unsigned long long)number);
	/* What is left of an instance of that number never ran: it was not committed. */
	instance_dir_remove(d, vm, number);
	if ((mkdirat(d->vms_dir, vm, 0700) < 0 && errno != EEXIST) ||
	    mkdirat(d->vms_dir, path, 0700) < 0 ||
	    (fd = instance_dir_open(d, vm, number)) < 0)
		return err_sys(e, fd < -1 ? -fd : errno, "make the directory %s/vms/%s",
			       d->paths.runtime, path);
	return fd;
}

void instance_dir_remove(struct vxd *d, const char *vm, uint64_t number)
{
	static const char *const names[] = {
		CONTROL_NAME, KEEPER_ID_NAME, EXIT_RECORD_NAME,
		"." EXIT_RECORD_NAME ".new", /* a keeper was killed as it wrote */
	};
	autofree char *path = mem_printf("%s/%llu", vm, (unsigned long long)number);
	autofd int dir = instance_dir_open(d, vm, number);

	for (size_t i = 0; dir >= 0 && i < COUNT(names); i++)
		unlinkat(dir, names[i], 0);
	unlinkat(d->vms_dir, path, AT_REMOVEDIR);
	unlinkat(d->vms_dir, vm, AT_REMOVEDIR); /* refused while others lie in it */
}

struct tidying {
	struct vxd *d;
	const char *vm;
	uint64_t keep;
};

static void tidy_instance(void *owner, const char *name)
{
	const struct tidying *t = owner;
	uint64_t number = strtoull(name, NULL, 10);

	if (!number || number == t->keep)
		return;
	if (instance_lives(t->d, t->vm, number))
		log_warn("%s/vms/%s/%s: the database does not know it; left alone",
			 t->d->paths.runtime, t->vm, name);
	else
		instance_dir_remove(t->d, t->vm, number);
}

void instance_dirs_tidy(struct vxd *d, const char *vm, uint64_t keep)
{
	struct tidying t = { d, vm, keep };

	fd_each_entry(d->vms_dir, vm, tidy_instance, &t);
	unlinkat(d->vms_dir, vm, AT_REMOVEDIR);
}

static void sweep_vm(void *owner, const char *name)
{
	struct vxd *d = owner;

	if (!vm_by_id(&d->vms, name))
		instance_dirs_tidy(d, name, 0);
}

void instance_dirs_sweep(struct vxd *d)
{
	fd_each_entry(d->vms_dir, ".", sweep_vm, d);
}

/* -- the control socket */

/* By way of /proc: the path of a socket may have 107 bytes only. */
static struct sockaddr_un control_address(int dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir,
		 CONTROL_NAME);
	return addr;
}

static int control_bind(int dir)
{
	const struct sockaddr_un addr = control_address(dir);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int control_connect(int dir, pid_t *out_worker)
{
	const struct sockaddr_un addr = control_address(dir);
	autofd int fd =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uid_t worker_uid = geteuid() == 0 ? JAIL_UID : geteuid();
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	if (peer.uid != worker_uid)
		return -EPERM;
	*out_worker = peer.pid;
	return steal_fd(&fd);
}

/* -- the start message */

struct start_message {
	struct worker_start start; /* strings of the definition are borrowed */
	int fds[CHANNEL_FDS_MAX];  /* borrowed */
};

static void add_fd(struct start_message *m, enum fd_role role, int fd)
{
	m->fds[m->start.n_fds] = fd;
	m->start.fds[m->start.n_fds++] = (struct worker_fd){ .role = role };
}

/* Queue it in `to`, where the worker will find it. */
static int send_start(struct vxd *d, const struct managed_vm *vm,
		      const struct boot_files *files, const struct spawned *s,
		      int control, int to, struct err **e)
{
	struct worker_fd roles[CHANNEL_FDS_MAX];
	struct start_message m = { .start = { .protocol = WORKER_PROTOCOL,
					      .db_id = d->identity.db_id,
					      .db_epoch = d->identity.db_epoch,
					      .instance = vm->rec.instance->number,
					      .vm = vm->rec.definition,
					      .fds = roles } };
	autofd int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	autofree char *text = NULL;
	int rc;

	if (kvm < 0) {
		err_sys(e, errno, "open /dev/kvm");
		return err_hint(e, "load the kvm_intel or kvm_amd module, turn on "
				   "virtualization in the firmware, and let this user "
				   "into the group kvm");
	}
	add_fd(&m, FD_ROLE_KVM, kvm);
	add_fd(&m, FD_ROLE_CONTROL, control);
	add_fd(&m, FD_ROLE_CONSOLE_RING, s->ring);
	add_fd(&m, FD_ROLE_CONSOLE_KICK, s->kick);
	add_fd(&m, FD_ROLE_KERNEL, files->kernel);
	if (files->initrd >= 0)
		add_fd(&m, FD_ROLE_INITRD, files->initrd);
	for (size_t i = 0; i < files->n_modules; i++)
		add_fd(&m, FD_ROLE_MODULE, files->modules[i]);
	text = worker_start_format(&m.start);
	rc = channel_send_now(to, text, strlen(text), m.fds, m.start.n_fds);
	return rc < 0 ? err_sys(e, rc, "write the start message") : 0;
}

/* -- the keeper */

static int run_keeper(struct vxd *d, const struct managed_vm *vm, int start, int dir,
		      pid_t *out, struct err **e)
{
	autofree char *number =
		mem_printf("%llu", (unsigned long long)vm->rec.instance->number);
	char *argv[] = { "vx-keeper", (char *)vm_id(vm), number, d->worker, NULL };
	char *env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all;
	int rc;

	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 0, 1);
	posix_spawn_file_actions_adddup2(&actions, start, KEEPER_FD_START);
	posix_spawn_file_actions_adddup2(&actions, dir, KEEPER_FD_DIR);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	/* Told to end the worker before it listens, it shall hear that later. */
	posix_spawnattr_setsigmask(&attr, &all);
	posix_spawnattr_setsigdefault(&attr, &all);
	rc = posix_spawn(out, d->keeper, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return rc ? err_sys(e, rc, "start %s", d->keeper) : 0;
}

/* dup2() onto itself would keep close-on-exec set, and 3 and 4 may be in use here. */
static int above_reserved(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, KEEPER_FD_DIR + 1);
}

int spawn_instance(struct vxd *d, const struct managed_vm *vm,
		   const struct boot_files *files, struct spawned *out, struct err **e)
{
	autofini(spawned)
		s = { .dir = -1, .start = -1, .keeper = -1, .ring = -1, .kick = -1 };
	int pair[2];

	s.dir = make_dir(d, vm_id(vm), vm->rec.instance->number, e);
	if (s.dir < 0)
		return -1;
	s.ring = fd_memfd_sealed("vx-console", CONSOLE_RING_BYTES);
	s.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s.ring < 0 || s.kick < 0)
		return err_sys(e, s.ring < 0 ? s.ring : errno, "make the console");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "make a socket pair");
	s.start = pair[0];
	autofd int theirs = above_reserved(pair[1]);
	autofd int control = control_bind(s.dir);
	autofd int dir = above_reserved(s.dir);

	close(pair[1]);
	if (theirs < 0 || control < 0 || dir < 0)
		return err_sys(e, errno, "make the control socket");
	if (send_start(d, vm, files, &s, control, s.start, e) < 0 ||
	    run_keeper(d, vm, theirs, dir, &s.keeper_pid, e) < 0)
		return -1;
	s.keeper = pidfd_open(s.keeper_pid, 0);
	if (s.keeper < 0) {
		err_sys(e, errno, "watch the keeper");
		kill(s.keeper_pid, SIGTERM); /* our child, not reaped: no other's pid */
		return -1;
	}
	*out = s;
	s = (struct spawned){ -1, -1, -1, -1, -1, 0 };
	return 0;
}
