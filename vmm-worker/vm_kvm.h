/*
 * vmm-worker/vm_kvm.h - KVM's side of one VM
 *
 * The VM descriptor, its memory slots, its interrupt routes and its clock. Split
 * irqchip: local APICs are KVM's, the IOAPIC is ours (hw/ioapic.c).
 *
 * Not here: vCPUs (vcpu.h).
 */
#ifndef VX_VMM_VM_KVM_H
#define VX_VMM_VM_KVM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm-worker/irq.h"
#include "vmm-worker/memory.h"

struct vm_kvm {
	int kvm;	 /* borrowed: /dev/kvm */
	int fd;		 /* owned */
	size_t run_size; /* of a vCPU's shared page */
	unsigned cpus_max;
};

/* `vm` is zero or the result of this. ERR_UNSUPPORTED names what KVM lacks. */
int vm_kvm_init(struct vm_kvm *vm, int kvm, struct err **e);
void vm_kvm_fini(struct vm_kvm *vm);

/* Give the guest each block of `memory`, which outlives the VM. */
int vm_kvm_map(struct vm_kvm *vm, const struct guest_memory *memory, struct err **e);

/* Send a message-signalled interrupt; one that nobody takes is no error. */
void vm_kvm_msi(const struct vm_kvm *vm, uint64_t address, uint32_t data);
/* Route GSIs 0 to IRQ_PINS - 1. 0 or -errno. */
int vm_kvm_route(const struct vm_kvm *vm, const struct irq_route routes[IRQ_PINS]);

/* KVM's clock (kvmclock) in nanoseconds. 0 or -errno. */
int vm_kvm_clock_get(const struct vm_kvm *vm, uint64_t *out_ns);
int vm_kvm_clock_set(const struct vm_kvm *vm, uint64_t ns);

#endif
