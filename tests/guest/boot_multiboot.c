/*
 * tests/guest/boot_multiboot.c - what the information of multiboot 1 says
 */
#include "guest.h"

#define HAS_CMDLINE (1u << 2)
#define HAS_MODULES (1u << 3)
#define HAS_MAP (1u << 6)

/* Multiboot specification 0.6.96, 3.3: as far as we read it. */
struct information {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t n_modules, modules;
	uint32_t symbols[4];
	uint32_t map_length, map;
};

struct module {
	uint32_t start, end, string, reserved;
};

/* Entries of the map begin with the size of the rest. */
static void read_map(struct guest *g, uint32_t at, uint32_t length)
{
	uint32_t end = at + length;

	while (at < end) {
		uint64_t size = *at32(at + 12) | (uint64_t)*at32(at + 16) << 32;

		guest_add_range(g, size, *at32(at + 20));
		at += *at32(at) + 4;
	}
}

bool boot_parse_multiboot(const struct boot_handover *h, struct guest *g)
{
	const struct information *info = (const struct information *)h->info;
	const struct module *m;

	g->protocol = "multiboot";
	if (h->magic != 0x2badb002)
		return false;
	m = (const struct module *)info->modules;
	if (info->flags & HAS_CMDLINE)
		guest_set_cmdline(g, info->cmdline);
	if (info->flags & HAS_MAP)
		read_map(g, info->map, info->map_length);
	for (uint32_t i = 0; (info->flags & HAS_MODULES) && i < info->n_modules; i++)
		guest_add_module(g, m[i].start, m[i].end - m[i].start);
	return true;
}
