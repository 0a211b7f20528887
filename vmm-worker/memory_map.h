/*
 * vmm-worker/memory_map.h - where everything lies in guest-physical space
 *
 * One versioned map for all machines: RAM to 3 GiB, ECAM at 0xe0000000, 32-bit
 * MMIO at 0xf0000000, flash below 4 GiB, RAM from 4 GiB, then the hot-plug
 * window and 64-bit MMIO within the guest's physical bits. Pure.
 */
#ifndef VX_VMM_MEMORY_MAP_H
#define VX_VMM_MEMORY_MAP_H

#include <stddef.h>
#include <stdint.h>

#define MAP_VERSION 1

#define MAP_LOW_RAM_END 0xc0000000ull /* RAM up to here, the rest from 4 GiB */
#define MAP_HIGH_RAM 0x100000000ull
#define MAP_ECAM 0xe0000000ull
#define MAP_ECAM_SIZE 0x10000000ull
#define MAP_MMIO32 0xf0000000ull
#define MAP_IOAPIC 0xfec00000ull
#define MAP_LAPIC 0xfee00000ull
#define MAP_IDENTITY_PAGE 0xfeffc000ull /* KVM's, keeps clear of flash */
#define MAP_TSS 0xfeffd000ull		/* KVM's */
#define MAP_TSS_SIZE 0x3000ull

/* Low memory that the boot code lays out. */
#define MAP_EBDA 0x9fc00ull
#define MAP_ROM_AREA 0xa0000ull /* VGA and ROMs to 1 MiB: not RAM to the guest */
#define MAP_RSDP 0xe0000ull	/* ACPI 6.4 §5.2.5.1: found by scanning from here */
#define MAP_ACPI_TABLES 0xe1000ull
#define MAP_ACPI_TABLES_END 0x100000ull

struct map_range {
	uint64_t start;
	uint64_t size;
	uint32_t type; /* E820_*: as ACPI 6.4 §15.3 numbers them */
};

#define E820_RAM 1
#define E820_RESERVED 2

#define MAP_RANGES_MAX 16

/* RAM blocks for `ram` bytes: count, at most 2. */
size_t memory_map_ram(uint64_t ram, struct map_range out[2]);
/* What the guest is told (E820), ordered, not overlapping: count. */
size_t memory_map_e820(uint64_t ram, struct map_range out[MAP_RANGES_MAX]);

#endif
