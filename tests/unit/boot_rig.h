/*
 * tests/unit/boot_rig.h - guest memory and a boot request, for tests of loaders
 *
 * Kernels and modules are bytes that the test makes; they become memory files.
 */
#ifndef VX_TESTS_UNIT_BOOT_RIG_H
#define VX_TESTS_UNIT_BOOT_RIG_H

#include <stddef.h>
#include <stdint.h>

#include "vmm-worker/boot/boot.h"

#define RIG_MIB (1024ull * 1024)

struct boot_rig {
	struct guest_memory memory;
	struct boot_request request;
	struct boot_entry entry;
	struct err *e; /* owned: why the last load failed */
};

void boot_rig_init(struct boot_rig *rig, uint64_t ram);
void boot_rig_fini(struct boot_rig *rig);

/* A memory file of these bytes, then zeroes up to `size`. */
int boot_rig_file(const void *bytes, size_t len, uint64_t size);
/* Consumes `fd`. `cmdline` NULL: the initrd. */
void boot_rig_module(struct boot_rig *rig, int fd, const char *cmdline);
/* Load `fd` as the kernel, which is consumed; boot_load()'s result. */
int boot_rig_load_fd(struct boot_rig *rig, int fd);
int boot_rig_load(struct boot_rig *rig, const void *kernel, size_t len);

/* `len` bytes of guest memory; ends the program where there are none. */
const uint8_t *boot_rig_at(struct boot_rig *rig, uint64_t addr, uint64_t len);
uint32_t boot_rig_u32(struct boot_rig *rig, uint64_t addr);
uint64_t boot_rig_u64(struct boot_rig *rig, uint64_t addr);

#endif
