/*
 * tests/guest/boot_pvh.c - what hvm_start_info of the PVH protocol says
 */
#include "guest.h"

/* Xen public/arch-x86/hvm/start_info.h, version 1. */
struct start_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, cmdline, rsdp;
	uint64_t map;
	uint32_t n_map, reserved;
};

struct start_module {
	uint64_t start, size, cmdline, reserved;
};

struct start_range {
	uint64_t start, size;
	uint32_t type, reserved;
};

bool boot_parse_pvh(const struct boot_handover *h, struct guest *g)
{
	const struct start_info *info = (const struct start_info *)h->info;
	const struct start_module *m;
	const struct start_range *r;

	g->protocol = "pvh";
	if (info->magic != 0x336ec578 || info->version < 1)
		return false;
	m = (const struct start_module *)(uint32_t)info->modules;
	r = (const struct start_range *)(uint32_t)info->map;
	if (info->cmdline)
		guest_set_cmdline(g, (uint32_t)info->cmdline);
	for (uint32_t i = 0; i < info->n_map; i++)
		guest_add_range(g, r[i].size, r[i].type);
	for (uint32_t i = 0; i < info->n_modules; i++)
		guest_add_module(g, (uint32_t)m[i].start, (uint32_t)m[i].size);
	g->rsdp = (uint32_t)info->rsdp;
	return true;
}
