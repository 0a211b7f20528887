/*
 * rpc/call.c - one call that is being served, whatever it came over
 *
 *   call_run:  find the method -> authorize -> decode, handle, encode
 *                |                                  |
 *                |                          call_hold() in the handler
 *                v                                  v
 *              finish  <--------------------- call_release(), from the loop
 *
 * call_release() may come before the handler has returned; the call is then
 * finished on return as if it had never been held.
 */
#include "rpc/call.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "rpc/jsonrpc.h"

#define DISCOVER "rpc.discover"

int rpc_peer_read(int fd, struct rpc_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*out = (struct rpc_peer){ cred.pid, cred.uid, cred.gid };
	return 0;
}

/* An id goes into records and logs, so it is one line there. */
static char *id_as_text(const json_t *id)
{
	char *text;

	if (!id)
		return NULL;
	if (!json_is_string(id))
		return jsonrpc_text(id);
	text = mem_strdup(json_string_value(id));
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text;
}

struct call *call_new(struct call **list, const struct rpc_peer *peer, const json_t *id)
{
	struct call *call = mem_new(struct call);

	call->peer = *peer;
	snprintf(call->actor, sizeof(call->actor), "uid:%u", (unsigned int)peer->uid);
	call->id = json_incref((json_t *)(uintptr_t)id);
	call->id_text = id_as_text(id);
	call->link = list;
	call->next = *list;
	if (call->next)
		call->next->link = &call->next;
	*list = call;
	return call;
}

static void unlist(struct call *call)
{
	if (!call->link)
		return;
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	call->link = NULL;
	call->next = NULL;
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cleanup_close(&fds[i]);
}

static void call_free(struct call *call)
{
	unlist(call);
	json_decref(call->id);
	json_decref(call->result);
	err_free(call->failed);
	free(call->id_text);
	close_all(call->fds, call->n_fds);
	close_all(call->reply_fds, call->n_reply_fds);
	free(call);
}

static void finish(struct call *call)
{
	if (call->origin) {
		unlist(call);
		call->finish(call);
	}
	call_free(call);
}

void call_orphan(struct call *call)
{
	unlist(call);
	call->origin = NULL;
	call->conn = NULL;
}

static int by_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct rpc_method *)item)->name);
}

static int run_method(struct call *call, const struct rpc_method *method,
		      call_authorize *authorize, const json_t *params)
{
	autojson none = params ? NULL : json_object();

	if (authorize && authorize(call, method, &call->failed) < 0)
		return -1;
	if (call->n_fds && !method->takes_fds)
		return err_set(&call->failed, ERR_INVALID_PARAMS,
			       "%s takes no descriptors", method->name);
	if (method->invoke(call, params ? params : none, &call->result, &call->failed) <
	    0)
		return -1;
	return call->result ? 0 : -1;
}

static int run(struct call *call, const struct rpc_method_table *table,
	       call_authorize *authorize, const char *name, const json_t *params)
{
	const struct rpc_method *method = NULL;

	if (table->openrpc && strcmp(name, DISCOVER) == 0) {
		call->result_text = table->openrpc;
		return 0;
	}
	if (table->count)
		method = bsearch(name, table->methods, table->count,
				 sizeof(*table->methods), by_name);
	if (!method)
		return err_set(&call->failed, ERR_METHOD_NOT_FOUND,
			       "there is no method %.64s", name);
	return run_method(call, method, authorize, params);
}

void call_run(struct call *call, const struct rpc_method_table *table,
	      call_authorize *authorize, const char *method, const json_t *params)
{
	call->running = true;
	if (run(call, table, authorize, method, params) < 0 && !call->failed)
		err_set(&call->failed, ERR_INTERNAL, "%.64s failed and did not say why",
			method);
	call->running = false;
	if (!call->held || call->released)
		finish(call);
}

void call_refuse(struct call *call, struct err *e)
{
	call->failed = e;
	finish(call);
}

void call_hold(struct call *call)
{
	assert(call->running && !call->held);
	call->held = true;
}

void call_release(struct call *call, struct err *failed)
{
	assert(call->held && !call->released);
	call->released = true;
	if (call->failed)
		err_free(failed);
	else
		call->failed = failed;
	if (!call->running)
		finish(call);
}

void call_add_answer(const struct call *call, struct str *out)
{
	int rc;

	if (!call->id)
		return;
	if (call->failed)
		rc = jsonrpc_add_error(out, call->id, call->failed);
	else if (call->result_text)
		rc = jsonrpc_add_result_text(out, call->id, call->result_text);
	else
		rc = jsonrpc_add_result(out, call->id, call->result);
	if (rc < 0) {
		struct err e = { .code = ERR_INTERNAL,
				 .message = (char *)"the answer cannot be written" };

		rc = jsonrpc_add_error(out, call->id, &e);
		assert(rc == 0);
	}
}

void *call_app(const struct call *call)
{
	return call->app;
}

const struct rpc_peer *call_peer(const struct call *call)
{
	return &call->peer;
}

const char *call_actor(const struct call *call)
{
	return call->actor;
}

const char *call_request_id(const struct call *call)
{
	return call->id_text;
}

struct rpc_conn *call_conn(const struct call *call)
{
	return call->conn;
}

int *call_fds(const struct call *call, size_t *out_n)
{
	*out_n = call->n_fds;
	return (int *)(uintptr_t)call->fds;
}

void call_reply_fds(struct call *call, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int copy = -1;

		if (call->n_reply_fds < CHANNEL_FDS_MAX)
			copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		else
			errno = EMFILE;
		if (copy < 0) {
			if (!call->failed)
				err_sys(&call->failed, errno,
					"duplicate a descriptor for the reply");
			return;
		}
		call->reply_fds[call->n_reply_fds++] = copy;
	}
}
