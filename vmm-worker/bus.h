/*
 * vmm-worker/bus.h - who answers at a port or at a memory-mapped address
 *
 * Regions are added while the machine is built and never change while a vCPU
 * runs, so a lookup takes neither lock nor memory. What nobody claims reads as
 * ones and swallows writes, as on a PC. An access wider than a region's registers
 * reaches the region in pieces of that width, as an 8-bit device sees it.
 */
#ifndef VX_VMM_BUS_H
#define VX_VMM_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct device;

#define BUS_REGIONS_MAX 64

struct bus_ops {
	/* `offset` is from the start of the region; offset + size lies within it. */
	uint64_t (*read)(struct device *dev, uint64_t offset, unsigned size);
	void (*write)(struct device *dev, uint64_t offset, unsigned size,
		      uint64_t value);
	unsigned width; /* widest access in bytes: 1, 2, 4 or 8 */
};

struct bus_region {
	uint64_t start;
	uint64_t size;
	const struct bus_ops *ops; /* borrowed for ever */
	struct device *dev;	   /* borrowed */
};

struct bus {
	const char *name; /* "port" or "memory", for messages */
	struct bus_region regions[BUS_REGIONS_MAX]; /* sorted, disjoint */
	size_t n_regions;
};

void bus_init(struct bus *b, const char *name);
/* Claim [start, start + size). ERR_INTERNAL when it is taken or the bus is full. */
int bus_add(struct bus *b, const struct bus_region *region, struct err **e);

/* One access of 1 to 8 bytes. */
uint64_t bus_read(const struct bus *b, uint64_t addr, unsigned size);
void bus_write(const struct bus *b, uint64_t addr, unsigned size, uint64_t value);

#endif
