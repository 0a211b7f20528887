/*
 * cli/console_attach.c - a VM's serial console on our standard input and output
 *
 *   stdin -> typed (bounded) -> console.write      refused while the guest does not
 *                                                  read: tried again a little later
 *   stdout <- console.output, until console.end
 *
 * On a terminal the detach key must work whatever the guest does, so keys are read all
 * the time and dropped when too many wait. A pipe is read only as far as there is room.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/console.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/watch.h"
#include "schema/gen/api_client.h"
#include "schema/runtime.h"

#define DETACH_KEY 0x1d /* Ctrl-] */
#define TYPED_MAX 4096u
#define WRITE_MAX 1024u /* well below what a worker holds for its guest */
#define RETRY_MS 50

struct session {
	struct cli *cli;  /* borrowed */
	char *id;	  /* owned */
	bool tty, open;	  /* standard input */
	struct str typed; /* not yet taken by the VM */
	struct terminal *terminal;
	struct console_result *out; /* borrowed */
};

enum step { STEP_FAILED = -1, STEP_ON, STEP_DONE };

void console_result_fini(struct console_result *r)
{
	vm_end_fini(&r->end);
}

static enum step finish(struct session *s, enum console_outcome outcome)
{
	s->out->outcome = outcome;
	return STEP_DONE;
}

static enum step take_output(struct session *s, const char *params, struct err **e)
{
	autofini(console_output_params) p = { 0 };
	autofree void *bytes = NULL;
	size_t len;

	if (console_output_params_parse(params, strlen(params), DECODE_LENIENT, &p, e) <
	    0)
		return STEP_FAILED;
	if (!str_eq(p.id, s->id))
		return STEP_ON;
	if (base64_decode(p.data, &bytes, &len) < 0) {
		err_set(e, ERR_INTERNAL, "vxd sent console output that is not base64");
		return STEP_FAILED;
	}
	if (p.lost)
		notice("%" PRIu64 " bytes of the console were lost", p.lost);
	if (output_bytes(bytes, len) != 0)
		return finish(s, CONSOLE_OUTPUT);
	return STEP_ON;
}

static enum step take_end(struct session *s, const char *params, struct err **e)
{
	autofini(console_end_params) p = { 0 };

	if (console_end_params_parse(params, strlen(params), DECODE_LENIENT, &p, e) < 0)
		return STEP_FAILED;
	if (!str_eq(p.id, s->id))
		return STEP_ON;
	if (p.end) {
		s->out->has_end = true;
		vm_end_copy(p.end, &s->out->end);
	}
	return finish(s, CONSOLE_ENDED);
}

/* Everything that has arrived, waiting `timeout_ms` for the first of it. */
static enum step take_notifications(struct session *s, int timeout_ms, struct err **e)
{
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		autofree char *method = NULL, *params = NULL;
		int rc = rpc_client_notification(s->cli->client, timeout_ms, &method,
						 &params, e);

		if (rc < 0)
			return STEP_FAILED;
		if (rc == 0)
			return STEP_ON;
		timeout_ms = 0;
		if (strcmp(method, "console.output") == 0)
			step = take_output(s, params, e);
		else if (strcmp(method, "console.end") == 0)
			step = take_end(s, params, e);
	}
	return step;
}

/* Offer what was typed. What the VM cannot take now stays. */
static enum step send_typed(struct session *s, struct err **e)
{
	while (s->typed.len) {
		size_t n = MIN(s->typed.len, (size_t)WRITE_MAX);
		autofree char *data = base64_encode(s->typed.data, n);
		struct console_write_params p = { .id = s->id, .data = data };
		autofini(console_write_result) result = { 0 };
		autoptr(err) own = NULL;

		if (client_console_write(s->cli->client, &p, &result, &own) == 0) {
			str_consume(&s->typed, n);
			continue;
		}
		if (own->code == ERR_NO_CAPACITY)
			return STEP_ON;
		if (own->code == ERR_CONFLICT || own->code == ERR_NOT_FOUND) {
			/* It does not run; how it ended is on its way to us. */
			str_clear(&s->typed);
			return STEP_ON;
		}
		if (e)
			*e = steal(own);
		return STEP_FAILED;
	}
	return STEP_ON;
}

static enum step take_keys(struct session *s)
{
	char bytes[WRITE_MAX];
	size_t room = TYPED_MAX - s->typed.len;
	ssize_t n = read(STDIN_FILENO, bytes,
			 s->tty ? sizeof(bytes) : MIN(room, sizeof(bytes)));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return STEP_ON;
	if (n <= 0) {
		s->open = false;
		return STEP_ON;
	}
	if (s->tty && memchr(bytes, DETACH_KEY, (size_t)n))
		return finish(s, CONSOLE_DETACHED);
	str_add_bytes(&s->typed, bytes, MIN((size_t)n, room));
	return STEP_ON;
}

static enum step wait_step(struct session *s, int signals, struct err **e)
{
	bool may_read = s->open && (s->tty || s->typed.len < TYPED_MAX);
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = rpc_client_fd(s->cli->client), .events = POLLIN },
		{ .fd = may_read ? STDIN_FILENO : -1, .events = POLLIN },
	};

	if (poll(fds, COUNT(fds), s->typed.len ? RETRY_MS : -1) < 0) {
		if (errno == EINTR)
			return STEP_ON;
		err_sys(e, errno, "wait for the console");
		return STEP_FAILED;
	}
	if (fds[0].revents) {
		s->out->signal = signals_take(signals);
		return finish(s, CONSOLE_SIGNAL);
	}
	return fds[2].revents ? take_keys(s) : STEP_ON;
}

/* What is kept by the client already must be taken before it is waited for more. */
static enum step loop(struct session *s, int signals, struct err **e)
{
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		step = take_notifications(s, 0, e);
		if (step == STEP_ON)
			step = send_typed(s, e);
		/* The write's answer may have brought notifications along. */
		if (step == STEP_ON)
			step = take_notifications(s, 0, e);
		if (step == STEP_ON)
			step = wait_step(s, signals, e);
	}
	return step;
}

static int begin(struct session *s, const char *vm, bool history, struct err **e)
{
	struct console_attach_params p = { .project = cli_project(s->cli),
					   .vm = (char *)vm,
					   .history = history };
	autofini(console_attach_result) result = { 0 };

	if (client_console_attach(s->cli->client, &p, &result, e) < 0)
		return -1;
	s->id = steal(result.id);
	return 0;
}

static int open_terminal(struct session *s, const char *name, struct err **e)
{
	s->tty = isatty(STDIN_FILENO);
	s->open = true;
	if (!s->tty)
		return 0;
	notice("console of %s; Ctrl-] leaves it", name);
	s->terminal = terminal_raw(STDIN_FILENO, e);
	return s->terminal ? 0 : -1;
}

int console_attach(struct cli *cli, const char *vm, const char *name, bool history,
		   struct console_result *out, struct err **e)
{
	struct session s = { .cli = cli, .out = out };
	enum step step = STEP_FAILED;
	autofd int signals = signals_open(e);

	if (signals >= 0 && begin(&s, vm, history, e) == 0 &&
	    open_terminal(&s, name, e) == 0)
		step = loop(&s, signals, e);
	terminal_restore(s.terminal);
	if (s.tty && step == STEP_DONE)
		fputc('\n', stderr); /* the guest's cursor is wherever it left it */
	free(s.id);
	str_fini(&s.typed);
	return step == STEP_DONE ? 0 : -1;
}

int console_wait_end(struct cli *cli, const char *id, int timeout_ms,
		     struct console_result *out, struct err **e)
{
	struct session s = { .cli = cli, .id = (char *)id, .out = out };
	uint64_t deadline = clock_mono_ns() + (uint64_t)timeout_ms * 1000000;
	enum step step = STEP_ON;
	int left;

	while (step == STEP_ON && (left = watch_left_ms(deadline)) > 0)
		step = take_notifications(&s, left, e);
	if (step == STEP_ON)
		return err_set(e, ERR_TIMEOUT, "the VM has not ended after %d s",
			       timeout_ms / 1000);
	return step == STEP_DONE ? 0 : -1;
}
