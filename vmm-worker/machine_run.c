/*
 * vmm-worker/machine_run.c - let a machine's vCPUs run, hold them, hear its end
 *
 * `run` is what the vCPU threads are to do; it changes under run_lock and is read
 * by them without. To hold is to say so, kick every vCPU out of KVM and wait until
 * none is in its run loop. Guest time (our clock, kvmclock, TSCs) stands still
 * between hold and go.
 */
#include <stdarg.h>
#include <stdio.h>

#include "vmm-worker/machine.h"
#include "vmm-worker/vcpu.h"

/* Under run_lock. */
static void set_run(struct machine *m, enum machine_run run)
{
	atomic_store_explicit(&m->run, run, memory_order_release);
	if (run != MACHINE_GO)
		for (unsigned i = 0; i < m->n_vcpus; i++)
			vcpu_kick(&m->vcpus[i]);
	pthread_cond_broadcast(&m->run_cond);
}

bool machine_vcpu_enter(struct machine *m, struct vcpu *v)
{
	pthread_mutex_lock(&m->run_lock);
	while (m->run == MACHINE_HOLD)
		pthread_cond_wait(&m->run_cond, &m->run_lock);

	bool go = m->run == MACHINE_GO;

	if (go) {
		vcpu_unkick(v);
		m->running++;
	}
	pthread_mutex_unlock(&m->run_lock);
	return go;
}

void machine_vcpu_leave(struct machine *m)
{
	pthread_mutex_lock(&m->run_lock);
	if (--m->running == 0)
		pthread_cond_broadcast(&m->run_cond);
	/* A vCPU that cannot go on has ended the guest, which holds the machine. */
	pthread_mutex_unlock(&m->run_lock);
}

static void hold_time(struct machine *m)
{
	uint64_t host_tsc = vcpu_host_tsc();

	if (!m->clock.going)
		return;
	guest_clock_stop(&m->clock);
	m->time_held = vm_kvm_clock_get(&m->vm, &m->kvmclock) == 0;
	for (unsigned i = 0; i < m->n_vcpus; i++)
		vcpu_time_hold(&m->vcpus[i], host_tsc);
}

static int go_time(struct machine *m, struct err **e)
{
	uint64_t host_tsc = vcpu_host_tsc();
	int rc;

	for (unsigned i = 0; i < m->n_vcpus; i++)
		if (vcpu_time_go(&m->vcpus[i], host_tsc, e) < 0)
			return -1;
	rc = m->time_held ? vm_kvm_clock_set(&m->vm, m->kvmclock) : 0;
	if (rc < 0)
		return err_sys(e, rc, "set the guest's clock");
	m->time_held = false;
	guest_clock_start(&m->clock);
	return 0;
}

void machine_hold(struct machine *m)
{
	pthread_mutex_lock(&m->run_lock);
	if (m->run == MACHINE_GO)
		set_run(m, MACHINE_HOLD);
	while (m->running)
		pthread_cond_wait(&m->run_cond, &m->run_lock);
	pthread_mutex_unlock(&m->run_lock);
	hold_time(m);
}

int machine_go(struct machine *m, struct err **e)
{
	if (go_time(m, e) < 0)
		return -1;
	pthread_mutex_lock(&m->run_lock);
	if (m->end.reason == END_REASON_NONE)
		set_run(m, MACHINE_GO);
	pthread_mutex_unlock(&m->run_lock);
	return 0;
}

struct machine_end machine_end_get(struct machine *m)
{
	pthread_mutex_lock(&m->run_lock);

	struct machine_end end = m->end;

	pthread_mutex_unlock(&m->run_lock);
	return end;
}

/* Only the first end counts: a vCPU may do more until it is held. */
static void end_first(struct machine *m, const struct machine_end *end)
{
	pthread_mutex_lock(&m->run_lock);

	bool first = m->end.reason == END_REASON_NONE;

	if (first) {
		m->end = *end;
		if (m->run == MACHINE_GO)
			set_run(m, MACHINE_HOLD);
	}
	pthread_mutex_unlock(&m->run_lock);
	if (first && m->ended)
		m->ended(m->owner);
}

void machine_end(struct machine *m, enum end_reason reason, uint8_t status,
		 const char *fmt, ...)
{
	struct machine_end end = { .reason = reason, .status = status };
	va_list args;

	va_start(args, fmt);
	vsnprintf(end.detail, sizeof(end.detail), fmt, args);
	va_end(args);
	end_first(m, &end);
}

void machine_triple_fault(struct machine *m, bool on_purpose)
{
	const struct machine_end end = { .reason = END_REASON_TRIPLE_FAULT,
					 .on_purpose = on_purpose };

	end_first(m, &end);
}

void machine_quit(struct machine *m)
{
	pthread_mutex_lock(&m->run_lock);
	set_run(m, MACHINE_QUIT);
	pthread_mutex_unlock(&m->run_lock);
}
