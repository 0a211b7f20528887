/*
 * tests/guest/boot_linux.c - what boot_params of the Linux protocol says
 */
#include "guest.h"

/* Offsets in boot_params, Linux Documentation/x86/zero-page.rst. */
#define ACPI_RSDP_ADDR 0x070
#define E820_ENTRIES 0x1e8
#define HEADER_MAGIC 0x202
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define E820_TABLE 0x2d0
#define E820_ENTRY 20

bool boot_parse_linux(const struct boot_handover *h, struct guest *g)
{
	uint32_t p = h->info;

	g->protocol = "linux";
	if (*at32(p + HEADER_MAGIC) != 0x53726448) /* "HdrS" */
		return false;
	if (*at32(p + CMD_LINE_PTR))
		guest_set_cmdline(g, *at32(p + CMD_LINE_PTR));
	for (uint32_t i = 0; i < *bytes_at(p + E820_ENTRIES); i++) {
		uint32_t entry = p + E820_TABLE + i * E820_ENTRY;
		uint64_t size = *at32(entry + 8) | (uint64_t)*at32(entry + 12) << 32;

		guest_add_range(g, size, *at32(entry + 16));
	}
	if (*at32(p + RAMDISK_SIZE))
		guest_add_module(g, *at32(p + RAMDISK_IMAGE), *at32(p + RAMDISK_SIZE));
	g->rsdp = *at32(p + ACPI_RSDP_ADDR);
	return true;
}
