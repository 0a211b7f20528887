/*
 * daemon/instance_calls.c - what an API call asks of an instance
 */
#include "daemon/instance_internal.h"

#include <signal.h>
#include <sys/pidfd.h>

#include "base/log.h"
#include "daemon/change.h"
#include "schema/gen/worker_client.h"

#define KILL_PATIENCE_MS 5000 /* then the keeper is not asked any more */

static int check_greeted(const struct instance *in, struct err **e)
{
	if (in->greeted)
		return 0;
	err_set(e, ERR_UNAVAILABLE, "the worker of VM \"%s\" does not answer",
		vm_name(in->vm));
	return err_object(e, vm_name(in->vm));
}

/* -- stop and kill */

static void stop_expired(void *owner)
{
	static const struct cause why = { .actor = "vxd",
					  .detail = "the guest did not obey the power "
						    "button in time" };
	struct instance *in = owner;
	autoptr(err) e = NULL;

	if (in->then_kill) {
		if (instance_kill(in, &e) < 0)
			log_err(e, "VM %s: kill it", vm_name(in->vm));
		return;
	}
	in->stop_asked = false;
	fact_state(in->d, in->vm, VM_INPUT_STOP_EXPIRED, &why, NULL);
}

static void button_answered(void *owner, struct worker_power_button_result *r,
			    struct err *e)
{
	/* The deadline decides; this only says why it will. */
	if (e)
		log_err(e, "press a power button");
}

int instance_stop(struct instance *in, uint64_t deadline_s, bool then_kill,
		  struct err **e)
{
	const struct worker_power_button_params p = { 0 };

	if (check_greeted(in, e) < 0)
		return -1;
	if (link_worker_power_button(in->link, &p, button_answered, NULL, e) < 0)
		return -1;
	in->stop_asked = true;
	in->then_kill = then_kill;
	if (!in->deadline)
		in->deadline = timer_new(&in->d->loop, stop_expired, in);
	timer_set(in->deadline, deadline_s * 1000);
	return 0;
}

/* The keeper was told and does not end: stopped, or out of its senses. */
static void patience_ended(void *owner)
{
	struct instance *in = owner;

	instance_report(in, "its keeper does not obey; it is killed with the worker");
	if (in->worker >= 0)
		pidfd_send_signal(in->worker, SIGKILL, NULL, 0);
	if (in->keeper >= 0)
		pidfd_send_signal(in->keeper, SIGKILL, NULL, 0);
}

int instance_kill(struct instance *in, struct err **e)
{
	bool told = false;

	if (in->keeper >= 0 && !in->keeper_gone)
		told = pidfd_send_signal(in->keeper, SIGTERM, NULL, 0) == 0;
	if (!told && in->worker >= 0)
		told = pidfd_send_signal(in->worker, SIGKILL, NULL, 0) == 0;
	if (!told) {
		err_set(e, ERR_UNAVAILABLE, "no process of VM \"%s\" can be found",
			vm_name(in->vm));
		err_object(e, vm_name(in->vm));
		return err_hint(e, "it counts as lost in a few seconds, unless one "
				   "turns up");
	}
	in->kill_asked = true;
	if (in->deadline)
		timer_clear(in->deadline);
	if (!in->patience)
		in->patience = timer_new(&in->d->loop, patience_ended, in);
	timer_set(in->patience, KILL_PATIENCE_MS);
	return 0;
}

/* -- calls that are handed on to the worker, whose answer is theirs */

static void release(struct call *call, const struct err *e)
{
	call_release(call, e ? err_dup(e) : NULL);
}

static void pause_answered(void *owner, struct worker_pause_result *r, struct err *e)
{
	release(owner, e);
}

static void resume_answered(void *owner, struct worker_resume_result *r, struct err *e)
{
	release(owner, e);
}

static void write_answered(void *owner, struct worker_console_write_result *r,
			   struct err *e)
{
	release(owner, e);
}

int instance_pause(struct instance *in, struct call *call, struct err **e)
{
	const struct worker_pause_params p = { 0 };

	if (check_greeted(in, e) < 0 ||
	    link_worker_pause(in->link, &p, pause_answered, call, e) < 0)
		return -1;
	instance_expect_change(in);
	call_hold(call);
	return 0;
}

int instance_resume(struct instance *in, struct call *call, struct err **e)
{
	const struct worker_resume_params p = { 0 };

	if (check_greeted(in, e) < 0 ||
	    link_worker_resume(in->link, &p, resume_answered, call, e) < 0)
		return -1;
	instance_expect_change(in);
	call_hold(call);
	return 0;
}

int instance_console_write(struct instance *in, struct call *call, const char *data,
			   struct err **e)
{
	const struct worker_console_write_params p = { .data = (char *)data };

	if (check_greeted(in, e) < 0 ||
	    link_worker_console_write(in->link, &p, write_answered, call, e) < 0)
		return -1;
	call_hold(call);
	return 0;
}
