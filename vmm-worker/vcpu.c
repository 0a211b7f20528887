/*
 * vmm-worker/vcpu.c - one virtual CPU: its thread, its run loop, its exits
 *
 * An exit takes no memory, no log line and no lock but the device's own. A vCPU
 * leaves the loop only when KVM_RUN says EINTR: then the last exit is complete and
 * its registers are whole. Kicks set immediate_exit before they send the signal, so
 * that none is lost between the check and KVM_RUN.
 */
#include "vmm-worker/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"
#include "vmm-worker/seal.h"

#if defined(__SANITIZE_ADDRESS__)
#define STACK_SIZE (1024 * 1024)
#else
#define STACK_SIZE (64 * 1024)
#endif

enum exit_next {
	EXIT_RESUME,
	EXIT_LEAVE, /* the vCPU cannot go on */
};

int vcpu_init(struct vcpu *v, struct machine *m, unsigned index, struct err **e)
{
	*v = (struct vcpu){ .machine = m, .index = index };
	snprintf(v->name, sizeof(v->name), "vcpu%u", index);
	v->fd = ioctl(m->vm.fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return err_sys(e, errno, "create vCPU %u", index);
	v->run = mmap(NULL, m->vm.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		      0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return err_sys(e, errno, "map vCPU %u", index);
	}
	return vcpu_setup(v, e);
}

void vcpu_fini(struct vcpu *v)
{
	if (v->has_thread)
		pthread_join(v->thread, NULL);
	if (v->run)
		munmap(v->run, v->machine->vm.run_size);
	if (v->machine)
		cleanup_close(&v->fd);
	*v = (struct vcpu){ .fd = -1 };
}

void vcpu_kick(struct vcpu *v)
{
	if (!v->run) /* half-made */
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->has_thread)
		pthread_kill(v->thread, SIGRTMIN);
}

void vcpu_unkick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

/* Values of `size` bytes lie in a row: a string instruction has many of them. */
static enum exit_next exit_io(struct vcpu *v)
{
	const struct bus *ports = &v->machine->ports;
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&value, data, size);
			bus_write(ports, run->io.port, size, value);
		} else {
			value = bus_read(ports, run->io.port, size);
			memcpy(data, &value, size);
		}
	}
	return EXIT_RESUME;
}

static enum exit_next exit_mmio(struct vcpu *v)
{
	const struct bus *mmio = &v->machine->mmio;
	struct kvm_run *run = v->run;
	unsigned len = MIN(run->mmio.len, (uint32_t)sizeof(run->mmio.data));
	uint64_t value = 0;

	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		bus_write(mmio, run->mmio.phys_addr, len, value);
	} else {
		value = bus_read(mmio, run->mmio.phys_addr, len);
		memcpy(run->mmio.data, &value, len);
	}
	return EXIT_RESUME;
}

static enum exit_next exit_eoi(struct vcpu *v)
{
	ioapic_eoi(v->machine->ioapic, v->run->eoi.vector);
	return EXIT_RESUME;
}

/*
 * Linux reboots by a trap through an IDT of limit 0. AMD's processors lose the
 * state at a shutdown and KVM puts an INIT's in its place (IDT limit 0xffff, rip
 * 0xfff0): there the two cannot be told apart and the fault counts as meant.
 */
static bool fault_on_purpose(const struct vcpu *v)
{
	struct kvm_sregs sregs = { 0 };
	struct kvm_regs regs = { 0 };

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs) < 0 ||
	    ioctl(v->fd, KVM_GET_REGS, &regs) < 0)
		return false;
	return sregs.idt.limit == 0 ||
	       (sregs.cs.base == 0xffff0000 && regs.rip == 0xfff0);
}

static enum exit_next exit_shutdown(struct vcpu *v)
{
	machine_triple_fault(v->machine, fault_on_purpose(v));
	return EXIT_LEAVE;
}

static enum exit_next exit_system_event(struct vcpu *v)
{
	enum end_reason reason;

	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		reason = END_REASON_GUEST_POWEROFF;
		break;
	case KVM_SYSTEM_EVENT_RESET:
		reason = END_REASON_GUEST_RESET;
		break;
	default:
		reason = END_REASON_PANIC;
		break;
	}
	machine_guest_end(v->machine, reason, 0);
	return EXIT_LEAVE;
}

static uint64_t rip_of(struct vcpu *v)
{
	struct kvm_regs regs = { 0 };

	ioctl(v->fd, KVM_GET_REGS, &regs);
	return regs.rip;
}

static enum exit_next exit_internal_error(struct vcpu *v)
{
	machine_end(v->machine, END_REASON_CRASH, 0,
		    "KVM gave up on vCPU %u: internal error %u at rip 0x%llx", v->index,
		    v->run->internal.suberror, (unsigned long long)rip_of(v));
	return EXIT_LEAVE;
}

static enum exit_next exit_fail_entry(struct vcpu *v)
{
	machine_end(
		v->machine, END_REASON_CRASH, 0,
		"KVM could not enter vCPU %u: hardware reason 0x%llx at rip 0x%llx",
		v->index,
		(unsigned long long)v->run->fail_entry.hardware_entry_failure_reason,
		(unsigned long long)rip_of(v));
	return EXIT_LEAVE;
}

static enum exit_next exit_unknown(struct vcpu *v)
{
	machine_end(
		v->machine, END_REASON_CRASH, 0,
		"vCPU %u left KVM for reason %u, which is unknown here, at rip 0x%llx",
		v->index, v->run->exit_reason, (unsigned long long)rip_of(v));
	return EXIT_LEAVE;
}

typedef enum exit_next exit_handler(struct vcpu *v);

static exit_handler *const exits[] = {
	[KVM_EXIT_IO] = exit_io,
	[KVM_EXIT_MMIO] = exit_mmio,
	[KVM_EXIT_IOAPIC_EOI] = exit_eoi,
	[KVM_EXIT_SHUTDOWN] = exit_shutdown,
	[KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
	[KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
	[KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
};

static enum exit_next handle_exit(struct vcpu *v)
{
	uint32_t reason = v->run->exit_reason;
	exit_handler *handler = reason < COUNT(exits) ? exits[reason] : NULL;

	return handler ? handler(v) : exit_unknown(v);
}

/* Run until kicked, or until the vCPU cannot go on. */
static void run_loop(struct vcpu *v)
{
	struct machine *m = v->machine;

	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0) == 0) {
			if (handle_exit(v) == EXIT_LEAVE)
				return;
			continue;
		}
		/* EAGAIN: an application processor that got its INIT or SIPI. */
		if (errno != EINTR && errno != EAGAIN) {
			machine_end(m, END_REASON_CRASH, 0,
				    "KVM_RUN of vCPU %u failed: %s at rip 0x%llx",
				    v->index, strerrorname_np(errno),
				    (unsigned long long)rip_of(v));
			return;
		}
		if (atomic_load_explicit(&m->run, memory_order_acquire) != MACHINE_GO)
			return;
	}
}

static void *thread_main(void *arg)
{
	struct vcpu *v = arg;
	autoptr(err) e = NULL;

	pthread_setname_np(pthread_self(), v->name);
	if (seal_thread(SEAL_VCPU, v->name, &e) < 0)
		machine_end(v->machine, END_REASON_CRASH, 0, "%s", e->message);
	while (machine_vcpu_enter(v->machine, v)) {
		run_loop(v);
		machine_vcpu_leave(v->machine);
	}
	return NULL;
}

static void ignore_signal(int sig)
{
}

int vcpu_start(struct vcpu *v, struct err **e)
{
	struct sigaction kick = { .sa_handler = ignore_signal };
	pthread_attr_t attr;
	int rc;

	/* Without SA_RESTART: KVM_RUN is to come back. */
	sigaction(SIGRTMIN, &kick, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&v->thread, &attr, thread_main, v);
	pthread_attr_destroy(&attr);
	if (rc)
		return err_sys(e, rc, "start the thread of vCPU %u", v->index);
	v->has_thread = true;
	return 0;
}
