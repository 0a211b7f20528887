/*
 * tests/lib/ground.c - tell what kind of KVM this machine has
 *
 * A /dev/kvm may be missing, may be hardware's, or may only emulate. Unmodified
 * kernels get nowhere on the last, so tests choose by measuring: a 64-bit guest
 * counts down for a tenth of a second. Prints one line,
 *
 *   none            there is no usable /dev/kvm
 *   emulated RATE   it runs below 50 million iterations a second
 *   real RATE       the rest
 *
 * with RATE in millions of iterations a second. Always exits 0: "none" is an
 * answer too. Why it is "none" or far too slow goes to stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define REAL_RATE 50e6 /* iterations a second */
#define WARM_UP_NS 20000000
#define MEASURE_NS 100000000

/* Guest memory: page tables that map the first 2 MiB to itself, then the loop. */
#define GUEST_BYTES (4 * 4096)
#define PML4_AT 0x0000
#define PDPT_AT 0x1000
#define PD_AT 0x2000
#define CODE_AT 0x3000
#define PAGE_FLAGS 0x3ULL /* present, writable */
#define PAGE_LARGE 0x80ULL

#define CR0_PE_NE_PG 0x80000021ULL
#define CR4_PAE 0x20ULL
#define EFER_LME_LMA 0x500ULL

#define COUNT_FROM (1ULL << 62)

static const uint8_t count_down[] = {
	0x48, 0xff, 0xc9, /* 1: dec %rcx */
	0x75, 0xfb,	  /*    jnz 1b   */
	0xf4,		  /*    hlt      */
};

/* The timer carries the vCPU's run page, on which KVM looks before it enters. */
static void leave_guest(int sig, siginfo_t *info, void *context)
{
	struct kvm_run *run = info->si_value.sival_ptr;

	(void)sig;
	(void)context;
	run->immediate_exit = 1;
}

static int build_memory(int vm)
{
	uint8_t *mem = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t pml4e = PDPT_AT | PAGE_FLAGS;
	const uint64_t pdpte = PD_AT | PAGE_FLAGS;
	const uint64_t pde = PAGE_LARGE | PAGE_FLAGS;
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_BYTES,
		.userspace_addr = (uintptr_t)mem,
	};

	if (mem == MAP_FAILED)
		return -errno;
	memcpy(mem + PML4_AT, &pml4e, sizeof(pml4e));
	memcpy(mem + PDPT_AT, &pdpte, sizeof(pdpte));
	memcpy(mem + PD_AT, &pde, sizeof(pde));
	memcpy(mem + CODE_AT, count_down, sizeof(count_down));
	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

/* A vCPU without CPUID has no long mode to enter. */
static int copy_cpuid(int kvm, int vcpu)
{
	static union {
		struct kvm_cpuid2 head;
		uint8_t room[sizeof(struct kvm_cpuid2) +
			     256 * sizeof(struct kvm_cpuid_entry2)];
	} cpuid = { .head.nent = 256 };

	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head) ||
	    ioctl(vcpu, KVM_SET_CPUID2, &cpuid.head))
		return -errno;
	return 0;
}

static int enter_long_mode(int vcpu)
{
	const struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 11, /* execute, read, accessed */
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	const struct kvm_segment data = {
		.limit = 0xffffffff,
		.selector = 16,
		.type = 3, /* read, write, accessed */
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};
	const struct kvm_regs regs = {
		.rip = CODE_AT,
		.rcx = COUNT_FROM,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_PE_NE_PG;
	sregs.cr3 = PML4_AT;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME_LMA;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		return -errno;
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Run the guest until `alarm` goes off in `ns`; iterations a second, or -errno. */
static double run_for(int vcpu, struct kvm_run *run, timer_t alarm, long ns)
{
	const struct itimerspec when = { .it_value = { .tv_nsec = ns } };
	struct kvm_regs before, after;
	double began, took;
	int rc;

	if (ioctl(vcpu, KVM_GET_REGS, &before))
		return -errno;
	run->immediate_exit = 0;
	began = now();
	timer_settime(alarm, 0, &when, NULL);
	rc = ioctl(vcpu, KVM_RUN, 0);
	took = now() - began;
	if (rc == 0)
		fprintf(stderr, "ground: the guest stopped with exit reason %u\n",
			run->exit_reason);
	else if (errno != EINTR)
		return -errno;
	if (ioctl(vcpu, KVM_GET_REGS, &after))
		return -errno;
	return (double)(before.rcx - after.rcx) / took;
}

static double warm_up_and_run(int vcpu, struct kvm_run *run)
{
	const struct sigaction on_alarm = { .sa_sigaction = leave_guest,
					    .sa_flags = SA_SIGINFO };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM,
				  .sigev_value.sival_ptr = run };
	timer_t alarm;
	double rate;

	if (sigaction(SIGALRM, &on_alarm, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &alarm))
		return -errno;
	rate = run_for(vcpu, run, alarm, WARM_UP_NS);
	return rate < 0 ? rate : run_for(vcpu, run, alarm, MEASURE_NS);
}

static double measure(int kvm)
{
	const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	const int vcpu = vm < 0 ? -1 : ioctl(vm, KVM_CREATE_VCPU, 0);
	const int run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	int rc;

	if (vcpu < 0 || run_bytes < 0)
		return -errno;
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return -errno;
	rc = build_memory(vm);
	if (!rc)
		rc = copy_cpuid(kvm, vcpu);
	if (!rc)
		rc = enter_long_mode(vcpu);
	return rc ? rc : warm_up_and_run(vcpu, run);
}

int main(void)
{
	const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	double rate = kvm < 0 ? -errno : measure(kvm);

	if (rate < 0) {
		fprintf(stderr, "ground: /dev/kvm: %s\n", strerror((int)-rate));
		puts("none");
		return 0;
	}
	printf("%s %.1f\n", rate < REAL_RATE ? "emulated" : "real", rate / 1e6);
	return 0;
}
