/*
 * vmm-worker/vm_kvm.c - KVM's side of one VM
 */
#include "vmm-worker/vm_kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "vmm-worker/memory_map.h"

/* All of these are in Linux 5.10 and later. */
static const struct {
	int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "memory slots" },
	{ KVM_CAP_SPLIT_IRQCHIP, "a split irqchip" },
	{ KVM_CAP_SIGNAL_MSI, "message-signalled interrupts" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_SET_TSS_ADDR, "the TSS address" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "the identity map address" },
	{ KVM_CAP_EXT_CPUID, "CPUID" },
	{ KVM_CAP_VCPU_EVENTS, "vCPU events" },
	{ KVM_CAP_XSAVE, "XSAVE state" },
	{ KVM_CAP_XCRS, "extended control registers" },
	{ KVM_CAP_DEBUGREGS, "debug registers" },
	{ KVM_CAP_ADJUST_CLOCK, "an adjustable clock" },
};

static int check_capabilities(struct vm_kvm *vm, struct err **e)
{
	int version = ioctl(vm->kvm, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION)
		return err_set(e, ERR_UNSUPPORTED,
			       "the descriptor for /dev/kvm is not KVM's");
	for (size_t i = 0; i < COUNT(needed); i++)
		if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, needed[i].cap) <= 0)
			return err_set(e, ERR_UNSUPPORTED,
				       "the KVM of this host lacks %s", needed[i].name);

	int size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	int cpus = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (size < (int)sizeof(struct kvm_run) || cpus < 1)
		return err_set(e, ERR_UNSUPPORTED, "the KVM of this host is broken");
	vm->run_size = (size_t)size;
	vm->cpus_max = (unsigned)cpus;
	return 0;
}

static int create(int kvm)
{
	int fd;

	do { /* EINTR comes when a signal hits while KVM makes its threads */
		fd = ioctl(kvm, KVM_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

int vm_kvm_init(struct vm_kvm *vm, int kvm, struct err **e)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP,
					.args = { IRQ_PINS } };
	uint64_t identity = MAP_IDENTITY_PAGE;

	*vm = (struct vm_kvm){ .kvm = kvm, .fd = -1 };
	if (check_capabilities(vm, e) < 0)
		return -1;
	vm->fd = create(kvm);
	if (vm->fd < 0)
		return err_sys(e, errno, "create a VM in KVM");
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0)
		return err_sys(e, errno, "set KVM's identity page");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, MAP_TSS) < 0)
		return err_sys(e, errno, "set KVM's TSS");
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &split) < 0)
		return err_sys(e, errno, "enable KVM's split irqchip");
	return 0;
}

void vm_kvm_fini(struct vm_kvm *vm)
{
	if (vm->run_size)
		cleanup_close(&vm->fd);
	*vm = (struct vm_kvm){ .fd = -1 };
}

int vm_kvm_map(struct vm_kvm *vm, const struct guest_memory *memory, struct err **e)
{
	for (size_t i = 0; i < memory->n_blocks; i++) {
		const struct memory_block *b = &memory->blocks[i];
		struct kvm_userspace_memory_region r = {
			.slot = (uint32_t)i,
			.guest_phys_addr = b->gpa,
			.memory_size = b->size,
			.userspace_addr = (uintptr_t)b->host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
			return err_sys(e, errno, "give KVM memory block %s", b->name);
	}
	return 0;
}

void vm_kvm_msi(const struct vm_kvm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)address,
		.address_hi = (uint32_t)(address >> 32),
		.data = data,
	};

	/* 0 when no local APIC takes it, an error for a message that is none. Both
	 * are the guest's doing and as silent as on a real machine. */
	ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

int vm_kvm_route(const struct vm_kvm *vm, const struct irq_route routes[IRQ_PINS])
{
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) +
			     IRQ_PINS * sizeof(struct kvm_irq_routing_entry)];
	} table = { 0 };

	for (unsigned pin = 0; pin < IRQ_PINS; pin++) {
		if (!routes[pin].used)
			continue;
		table.head.entries[table.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)routes[pin].address,
				   .address_hi = (uint32_t)(routes[pin].address >> 32),
				   .data = routes[pin].data },
		};
	}
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, &table) < 0 ? -errno : 0;
}

int vm_kvm_clock_get(const struct vm_kvm *vm, uint64_t *out_ns)
{
	struct kvm_clock_data data = { 0 };

	if (ioctl(vm->fd, KVM_GET_CLOCK, &data) < 0)
		return -errno;
	*out_ns = data.clock;
	return 0;
}

int vm_kvm_clock_set(const struct vm_kvm *vm, uint64_t ns)
{
	struct kvm_clock_data data = { .clock = ns };

	return ioctl(vm->fd, KVM_SET_CLOCK, &data) < 0 ? -errno : 0;
}
