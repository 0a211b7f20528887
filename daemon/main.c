/*
 * daemon/main.c - vxd
 *
 * Opens the store, finds out what became of the VMs in it, serves the API until it is
 * told to end. Workers are not its children in spirit: they go on without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/client.h"
#include "daemon/instance.h"
#include "daemon/listen.h"
#include "daemon/recover.h"
#include "daemon/restart.h"
#include "daemon/spawn.h"
#include "daemon/vxd.h"
#include "schema/gen/api_table.h"
#include "schema/gen/error_info.h"

struct options {
	struct paths paths;
	char *libexec; /* owned */
	bool recover;
};

static const char usage[] =
	"usage: vxd [--session] [--state DIR] [--runtime DIR] [--libexec DIR]\n"
	"       vxd --recover [--state DIR] [--runtime DIR]\n"
	"\n"
	"  --session      Serve the calling user (the default).\n"
	"  --state DIR    Database and definitions; default ~/.local/state/vx.\n"
	"  --runtime DIR  Sockets and running instances; default $XDG_RUNTIME_DIR/vx.\n"
	"  --libexec DIR  Where vx-keeper and vx-vmm are.\n"
	"  --recover      Rebuild a damaged or lost database and end.\n"
	"  --version      Print the version and end.\n";

/* -- options */

static char *absolute(const char *path)
{
	char cwd[4096];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return mem_strdup(path);
	return mem_printf("%s/%s", cwd, path);
}

static void set_path(char **to, const char *value)
{
	free(*to);
	*to = absolute(value);
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "session", no_argument, NULL, 'S' },
		{ "state", required_argument, NULL, 's' },
		{ "runtime", required_argument, NULL, 'r' },
		{ "libexec", required_argument, NULL, 'l' },
		{ "recover", no_argument, NULL, 'R' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'S':
			break; /* the only mode so far */
		case 's':
			set_path(&o->paths.state, optarg);
			break;
		case 'r':
			set_path(&o->paths.runtime, optarg);
			break;
		case 'l':
			set_path(&o->libexec, optarg);
			break;
		case 'R':
			o->recover = true;
			break;
		case 'V':
			puts("vxd " VX_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vxd: unexpected argument \"%s\"\n%s", argv[optind],
			usage);
		return 2;
	}
	return -1;
}

/* What was not said is the session's default. */
static int complete_paths(struct paths *p, struct err **e)
{
	autofini(paths) session = { 0 };

	if ((!p->state || !p->runtime) && paths_session(&session, e) < 0)
		return -1;
	if (!p->state)
		p->state = steal(session.state);
	if (!p->runtime)
		p->runtime = steal(session.runtime);
	p->socket = mem_printf("%s/vxd.sock", p->runtime);
	return 0;
}

/* -- directories */

/* Ours alone: whoever can write there can talk to our workers. */
static int private_dir(const char *path, struct err **e)
{
	struct stat st;
	int rc = fd_make_dirs(path, 0700);

	if (rc < 0)
		return err_sys(e, rc, "make the directory %s", path);
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_uid == geteuid() && (st.st_mode & 022) == 0)
		return 0;
	err_set(e, ERR_PERMISSION_DENIED,
		"%s belongs to another user or can be written by others", path);
	return err_hint(e, "remove it, or give vxd another directory");
}

static int open_dirs(struct vxd *d, struct err **e)
{
	autofree char *vms = mem_printf("%s/vms", d->paths.runtime);

	if (private_dir(d->paths.state, e) < 0 ||
	    private_dir(d->paths.runtime, e) < 0 || private_dir(vms, e) < 0)
		return -1;
	d->vms_dir = open(vms, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->vms_dir < 0 ? err_sys(e, errno, "open %s", vms) : 0;
}

static int find_programs(struct vxd *d, const char *libexec, struct err **e)
{
	const char *env = getenv("VX_LIBEXECDIR");
	const char *dir = libexec ? libexec : env ? env : VX_PKGLIBEXECDIR;

	d->keeper = mem_printf("%s/vx-keeper", dir);
	d->worker = mem_printf("%s/vx-vmm", dir);
	if (access(d->keeper, X_OK) == 0 && access(d->worker, X_OK) == 0)
		return 0;
	err_sys(e, errno, "vx-keeper and vx-vmm in %s", dir);
	return err_hint(e, "say --libexec DIR, or install vx");
}

/* -- the daemon */

static int authorize(struct call *call, const struct rpc_method *method, struct err **e)
{
	const struct rpc_peer *peer = call_peer(call);

	/* One user's session: no finer rights within it. */
	if (peer->uid == 0 || peer->uid == geteuid())
		return 0;
	return err_set(e, ERR_PERMISSION_DENIED,
		       "user %u may not use the vxd of user %u", peer->uid, geteuid());
}

static int load(struct vxd *d, struct err **e)
{
	autofini(store_content) content = { 0 };

	d->store = store_open(&d->loop, d->paths.state, &content, e);
	if (!d->store)
		return -1;
	database_identity_copy(&content.identity, &d->identity);
	d->published = content.last_seq;
	for (size_t i = 0; i < content.n_vms; i++)
		vm_set_add(&d->vms, &content.vms[i]);
	return 0;
}

/* By id, and by id alone: adopting may take a VM out of the set. */
static void adopt_all(struct vxd *d)
{
	instance_dirs_sweep(d);
	for (size_t i = 0; i < d->vms.n; i++)
		instance_adopt(d, d->vms.by_id[i]);
	autostart_all(d);
}

static int serve(struct vxd *d, struct err **e)
{
	const struct rpc_server_config config = {
		.table = { api_methods, api_methods_count, api_openrpc },
		.app = d,
		.authorize = authorize,
		.conn_closed = client_closed,
	};
	int fd = listen_unix(d->paths.socket, e);

	if (fd < 0)
		return -1;
	d->server = rpc_server_new(&d->loop, &config);
	return rpc_server_listen(d->server, fd, e);
}

static void stop_signal(uv_signal_t *handle, int signum)
{
	/* What is committed but not answered yet is answered by closing the server. */
	uv_stop(handle->loop);
}

static void server_closed(void *app)
{
	struct vxd *d = app;

	d->server = NULL;
	uv_stop(&d->loop);
}

static void close_walk(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void vxd_fini(struct vxd *d)
{
	if (d->server) {
		unlink(d->paths.socket);
		rpc_server_close(d->server, server_closed);
		uv_run(&d->loop, UV_RUN_DEFAULT);
	}
	/* Starts that it still grants have a worker afterwards. */
	if (d->store)
		store_close(d->store);
	for (size_t i = 0; i < d->vms.n; i++) {
		instance_free(d->vms.by_id[i]->live);
		d->vms.by_id[i]->live = NULL;
	}
	facts_fini(d);
	vm_set_fini(&d->vms);
	uv_walk(&d->loop, close_walk, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	uv_loop_close(&d->loop);
	cleanup_close(&d->vms_dir);
	database_identity_fini(&d->identity);
	paths_fini(&d->paths);
	free(d->keeper);
	free(d->worker);
}

static int run(struct vxd *d, struct err **e)
{
	uv_signal_t term, intr;

	if (load(d, e) < 0 || serve(d, e) < 0)
		return -1;
	adopt_all(d);
	uv_signal_init(&d->loop, &term);
	uv_signal_init(&d->loop, &intr);
	uv_signal_start(&term, stop_signal, SIGTERM);
	uv_signal_start(&intr, stop_signal, SIGINT);
	log_info("vxd " VX_VERSION " serves %s with %zu VMs", d->paths.socket,
		 d->vms.n);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	log_info("ending; running VMs go on without vxd");
	uv_close((uv_handle_t *)&term, NULL);
	uv_close((uv_handle_t *)&intr, NULL);
	uv_run(&d->loop, UV_RUN_NOWAIT);
	return 0;
}

/* Two descriptors and more for each VM: take what the system allows. */
static void raise_file_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int begin(struct vxd *d, const struct options *o, struct err **e)
{
	int rc = boot_id(d->boot_id);

	if (rc < 0)
		return err_sys(e, rc, "read the host's boot id");
	if (open_dirs(d, e) < 0)
		return -1;
	if (o->recover)
		return recover(d, e);
	if (find_programs(d, o->libexec, e) < 0)
		return -1;
	return run(d, e);
}

int main(int argc, char **argv)
{
	struct vxd d = { .vms_dir = -1 };
	struct options o = { 0 };
	autoptr(err) e = NULL;
	int status = parse_options(argc, argv, &o);

	if (status >= 0)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit is a full disk */
	umask(077);
	raise_file_limit();
	LIST_INIT(&d.clients);
	TAILQ_INIT(&d.unrecorded);
	d.vms.d = &d;
	uv_loop_init(&d.loop);
	status = 0;
	if (complete_paths(&o.paths, &e) == 0) {
		d.paths = o.paths;
		o.paths = (struct paths){ 0 };
		begin(&d, &o, &e);
	}
	if (e) {
		log_err(e, "vxd");
		status = err_code_exit(e->code);
	}
	vxd_fini(&d);
	paths_fini(&o.paths);
	free(o.libexec);
	return status;
}
