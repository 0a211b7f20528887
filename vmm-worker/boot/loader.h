/*
 * vmm-worker/boot/loader.h - what the loaders of boot/ share
 *
 * Everything that we make for the guest lies in one piece below the EBDA, so that
 * a kernel can be checked against it; modules lie at the top of low RAM. Not here:
 * what the worker sees of it (boot.h).
 */
#ifndef VX_VMM_BOOT_LOADER_H
#define VX_VMM_BOOT_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm-worker/boot/boot.h"

/* What is written below the EBDA; no part of a kernel may lie there. */
#define BOOT_DATA 0x90000ull
#define BOOT_GDT BOOT_DATA
#define BOOT_PAGE_TABLES 0x91000ull /* six pages */
#define BOOT_INFO 0x97000ull	    /* zero page, start info or multiboot info */
#define BOOT_CMDLINE 0x98000ull
#define BOOT_DATA_END 0x99000ull
#define BOOT_INFO_SIZE (BOOT_CMDLINE - BOOT_INFO)
#define BOOT_CMDLINE_SIZE (BOOT_DATA_END - BOOT_CMDLINE)

#define LOW_MIB 0x100000ull

/* The part of a kernel in which all protocols look for their mark. */
#define BOOT_HEAD_SIZE 8192

/* A file from a stranger. */
struct boot_file {
	int fd; /* borrowed */
	uint64_t size;
	const char *name; /* borrowed: for sentences, "kernel" */
};

struct boot_kernel {
	struct boot_file file;
	uint8_t head[BOOT_HEAD_SIZE]; /* its first bytes */
	size_t head_len;
};

/* A piece of a kernel: bytes of the file, and where they lie in guest memory. */
struct boot_segment {
	uint64_t off, file_size;
	uint64_t addr, size; /* zeroes follow file_size */
};

/* Where a module came to lie. */
struct boot_placed {
	uint64_t addr, size;
	uint64_t cmdline; /* 0: it has none */
};

/* End of the RAM below the hole. */
uint64_t boot_low_end(const struct boot_request *r);

/* A regular file with something in it. `name` is borrowed. */
int boot_file_open(int fd, const char *name, struct boot_file *out, struct err **e);
/* Has it `len` bytes at `off`? `what` they are is for the sentence: "ELF header". */
int boot_file_check(const struct boot_file *f, uint64_t off, uint64_t len,
		    const char *what, struct err **e);
/* Check and copy them. */
int boot_file_copy(const struct boot_file *f, uint64_t off, void *out, size_t len,
		   const char *what, struct err **e);
/* Check one piece against file and memory, then load it. */
int boot_load_segment(const struct boot_request *r, const struct boot_file *f,
		      const struct boot_segment *s, struct err **e);
/* May a piece of a kernel lie in [addr, addr + size)? */
int boot_check_place(const struct boot_request *r, const struct boot_file *f,
		     uint64_t addr, uint64_t size, struct err **e);

/* Load all modules, as high as possible within [floor, top). */
int boot_load_modules(const struct boot_request *r, uint64_t floor, uint64_t top,
		      struct boot_placed out[BOOT_MODULES_MAX], struct err **e);

/* Write what we made ourselves. */
int boot_write(const struct boot_request *r, uint64_t addr, const void *data,
	       size_t len, struct err **e);
/* To BOOT_CMDLINE; refused where it is longer than `max`, without its NUL. */
int boot_write_cmdline(const struct boot_request *r, uint64_t max, struct err **e);

/* One loader for each protocol: is the kernel one of its kind? And: load it. */
struct boot_loader {
	bool (*offers)(const struct boot_kernel *k);
	int (*load)(const struct boot_request *r, const struct boot_kernel *k,
		    struct boot_entry *out, struct err **e);
};
extern const struct boot_loader boot_loader_linux;
extern const struct boot_loader boot_loader_pvh;
extern const struct boot_loader boot_loader_multiboot;

/* An ELF program header table; what it names is in the file, nothing else is checked. */
#define ELF_SEGMENTS_MAX 64
struct elf_segment {
	uint32_t type;
	uint64_t off, vaddr, paddr, file_size, size;
};
struct elf_image {
	uint64_t entry; /* a virtual address */
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	size_t n_segments;
};

bool elf_is_one(const struct boot_kernel *k);
int elf_parse(const struct boot_kernel *k, struct elf_image *out, struct err **e);
/* Load its PT_LOAD segments; *out_end is where the highest one ends. */
int elf_load(const struct boot_request *r, const struct boot_kernel *k,
	     const struct elf_image *elf, uint64_t *out_end, struct err **e);
/* The entry that its PVH note names: 1, 0 without a note, or -1 and *e. */
int elf_pvh_entry(const struct boot_kernel *k, const struct elf_image *elf,
		  uint32_t *out, struct err **e);
/* Does a PT_LOAD segment hold physical address `addr`? */
bool elf_holds(const struct elf_image *elf, uint64_t addr);

#endif
