/*
 * vmm-worker/boot/boot.h - put a kernel into guest memory and say how to enter it
 *
 * Kernels come from strangers: every offset and length is checked against the
 * file and against guest RAM before use. A file that is not what it claims is
 * ERR_BAD_IMAGE with a sentence that says what is wrong with it.
 *
 * Not here: vCPU registers (vcpu.c applies `struct boot_entry`), ACPI (acpi/).
 */
#ifndef VX_VMM_BOOT_H
#define VX_VMM_BOOT_H

#include "schema/gen/types.h"
#include "vmm-worker/memory.h"
#include "vmm-worker/memory_map.h"

#define BOOT_MODULES_MAX 17 /* the initrd and 16 more */

struct boot_module {
	int fd;		     /* borrowed */
	const char *cmdline; /* borrowed, may be NULL: its name for the guest */
};

struct boot_request {
	struct guest_memory *memory;
	uint64_t ram; /* bytes of guest RAM, as memory_map_ram() lays them out */
	enum boot_protocol protocol;
	int kernel_fd;				      /* borrowed */
	const char *cmdline;			      /* borrowed, never NULL */
	struct boot_module modules[BOOT_MODULES_MAX]; /* first: the initrd, if any */
	size_t n_modules;
	uint64_t rsdp; /* guest address of the ACPI RSDP */
};

enum boot_mode {
	BOOT_PROTECTED32, /* flat 32-bit segments, paging off */
	BOOT_LONG64,	  /* flat 64-bit, identity page tables at cr3 */
};

/* How the first vCPU begins. Registers not named are zero. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t ip;
	uint64_t rax, rbx, rsi, rsp;
	uint64_t cr3; /* BOOT_LONG64 */
	uint64_t gdt; /* guest address of the GDT that was written */
	uint16_t gdt_limit;
	uint16_t code_selector, data_selector, tss_selector;
	enum boot_protocol protocol; /* the one that was taken */
};

/* Load it all. Guest memory may be partly written on failure. */
int boot_load(const struct boot_request *r, struct boot_entry *out, struct err **e);

#endif
