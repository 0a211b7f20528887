/*
 * vmm-worker/memory_map.c - where everything lies in guest-physical space
 *
 * Pure: RAM size in, ranges out. Not here: mapping them (memory.c).
 */
#include "vmm-worker/memory_map.h"

#include "base/cleanup.h"

#define LOW_MIB 0x100000ull

size_t memory_map_ram(uint64_t ram, struct map_range out[2])
{
	size_t n = 0;

	if (ram)
		out[n++] = (struct map_range){ 0, MIN(ram, MAP_LOW_RAM_END), E820_RAM };
	if (ram > MAP_LOW_RAM_END)
		out[n++] = (struct map_range){ MAP_HIGH_RAM, ram - MAP_LOW_RAM_END,
					       E820_RAM };
	return n;
}

struct map {
	struct map_range *ranges; /* borrowed */
	size_t n;
};

static void add(struct map *map, uint64_t start, uint64_t end, uint32_t type)
{
	if (start < end)
		map->ranges[map->n++] = (struct map_range){ start, end - start, type };
}

size_t memory_map_e820(uint64_t ram, struct map_range out[MAP_RANGES_MAX])
{
	uint64_t low = MIN(ram, MAP_LOW_RAM_END);
	struct map map = { .ranges = out };

	add(&map, 0, MIN(low, MAP_EBDA), E820_RAM);
	/* The ACPI tables too are reserved, not reclaimable: the FACS among them
	 * is in use as long as the guest runs. */
	add(&map, MAP_EBDA, LOW_MIB, E820_RESERVED);
	add(&map, LOW_MIB, low, E820_RAM);
	add(&map, MAP_ECAM, MAP_ECAM + MAP_ECAM_SIZE, E820_RESERVED);
	add(&map, MAP_IDENTITY_PAGE, MAP_TSS + MAP_TSS_SIZE, E820_RESERVED);
	if (ram > low)
		add(&map, MAP_HIGH_RAM, MAP_HIGH_RAM + (ram - low), E820_RAM);
	return map.n;
}
