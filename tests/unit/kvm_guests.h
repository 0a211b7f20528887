/*
 * tests/unit/kvm_guests.h - guests of a few instructions, for test_machine_kvm.c
 */
#ifndef VX_TESTS_UNIT_KVM_GUESTS_H
#define VX_TESTS_UNIT_KVM_GUESTS_H

#include <stddef.h>
#include <stdint.h>

#define KVM_GUEST_CODE 0x100000 /* where they are loaded and entered */

#define KVM_GUEST(name) extern const uint8_t guest_##name[], guest_##name##_end[]
KVM_GUEST(hello);
KVM_GUEST(letters);
KVM_GUEST(sci);
KVM_GUEST(smp);
KVM_GUEST(fault_on_purpose);
KVM_GUEST(reset);
KVM_GUEST(traces);
KVM_GUEST(turmoil);
KVM_GUEST(poweroff);
KVM_GUEST(timer);

/* As numbers: to C the two labels are different objects. */
#define KVM_GUEST_SIZE(name) \
	((size_t)((uintptr_t)guest_##name##_end - (uintptr_t)guest_##name))

#endif
