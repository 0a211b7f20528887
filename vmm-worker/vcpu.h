/*
 * vmm-worker/vcpu.h - one virtual CPU: its thread, its exits, its state
 *
 * A vCPU's descriptor is used by its thread while it runs and by the control
 * thread while the machine is held.
 */
#ifndef VX_VMM_VCPU_H
#define VX_VMM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm-worker/boot/boot.h"
#include "vmm-worker/state.h"

struct kvm_run;
struct machine;

struct vcpu {
	struct machine *machine; /* borrowed */
	unsigned index;		 /* and APIC id */
	char name[16];		 /* of its thread */
	int fd;			 /* owned */
	struct kvm_run *run;	 /* owned mapping */
	pthread_t thread;
	bool has_thread;
	/* While the machine is held: what the TSC showed and what its deadline was. */
	uint64_t tsc, tsc_deadline;
	bool time_held;
};

/* Make it in KVM with its CPUID; `v` is zero. vcpu_fini() also after failure. */
int vcpu_init(struct vcpu *v, struct machine *m, unsigned index, struct err **e);
/* Start its thread, which waits in machine_vcpu_enter(). */
int vcpu_start(struct vcpu *v, struct err **e);
/* Make it leave KVM_RUN; stays in force until vcpu_unkick(). From any thread. */
void vcpu_kick(struct vcpu *v);
void vcpu_unkick(struct vcpu *v);
/* The thread must be on its way out (MACHINE_QUIT). */
void vcpu_fini(struct vcpu *v);

/* vcpu_boot.c: registers of `entry`, for vCPU 0. */
int vcpu_boot(struct vcpu *v, const struct boot_entry *entry, struct err **e);
/* vcpu_boot.c: CPUID as the definition has it, MSRs as firmware leaves them. */
int vcpu_setup(struct vcpu *v, struct err **e);

/* vcpu_state.c; section "vcpu", "cpuN". Only while held. */
struct vcpu_state;
int vcpu_save(struct vcpu *v, struct str *out, struct err **e);
int vcpu_load(struct vcpu *v, const struct state_section *section, struct err **e);
/* The state now, on the heap, and back for a reset: as power-on, with this vCPU's
 * own identity. NULL or -1 and *e. */
struct vcpu_state *vcpu_capture(struct vcpu *v, struct err **e) NODISCARD;
int vcpu_reset(struct vcpu *v, const struct vcpu_state *pristine, struct err **e);

/* vcpu_time.c: keep the TSC over a pause. All vCPUs with the same host times. */
void vcpu_time_hold(struct vcpu *v, uint64_t host_tsc);
int vcpu_time_go(struct vcpu *v, uint64_t host_tsc, struct err **e);
uint64_t vcpu_host_tsc(void);

#endif
