/*
 * vmm-worker/bus.c - who answers at a port or at a memory-mapped address
 *
 * A sorted table and a binary search: a machine has a dozen regions, so this is
 * four comparisons and touches two cache lines.
 */
#include "vmm-worker/bus.h"

#include <string.h>

void bus_init(struct bus *b, const char *name)
{
	*b = (struct bus){ .name = name };
}

/* The first region that ends behind `addr`: the one that holds it, or the next. */
static size_t find(const struct bus *b, uint64_t addr)
{
	size_t low = 0, high = b->n_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct bus_region *r = &b->regions[mid];

		if (addr >= r->start && addr - r->start >= r->size)
			low = mid + 1;
		else if (addr < r->start)
			high = mid;
		else
			return mid;
	}
	return low;
}

int bus_add(struct bus *b, const struct bus_region *region, struct err **e)
{
	size_t at = find(b, region->start);

	if (b->n_regions == BUS_REGIONS_MAX)
		return err_set(e, ERR_INTERNAL, "the %s bus is full", b->name);
	if (at < b->n_regions && (b->regions[at].start <= region->start ||
				  b->regions[at].start - region->start < region->size))
		return err_set(e, ERR_INTERNAL,
			       "%s address 0x%llx is claimed by two devices", b->name,
			       (unsigned long long)region->start);
	memmove(&b->regions[at + 1], &b->regions[at],
		(b->n_regions - at) * sizeof(b->regions[0]));
	b->regions[at] = *region;
	b->n_regions++;
	return 0;
}

static const struct bus_region *lookup(const struct bus *b, uint64_t addr)
{
	size_t at = find(b, addr);

	if (at == b->n_regions || addr < b->regions[at].start)
		return NULL;
	return &b->regions[at];
}

static uint64_t ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

/* How many of the `size` bytes at `addr` the region takes in one piece. */
static unsigned piece(const struct bus_region *r, uint64_t addr, unsigned size)
{
	uint64_t left = r->start + r->size - addr;
	unsigned width = MIN(size, r->ops->width);

	while (width > left)
		width /= 2;
	return width;
}

uint64_t bus_read(const struct bus *b, uint64_t addr, unsigned size)
{
	uint64_t value = 0;

	for (unsigned done = 0, n; done < size; done += n) {
		const struct bus_region *r = lookup(b, addr + done);
		uint64_t part;

		if (r) {
			n = piece(r, addr + done, size - done);
			part = r->ops->read(r->dev, addr + done - r->start, n);
		} else {
			n = 1;
			part = 0xff;
		}
		value |= (part & ones(n)) << (done * 8);
	}
	return value;
}

void bus_write(const struct bus *b, uint64_t addr, unsigned size, uint64_t value)
{
	for (unsigned done = 0, n; done < size; done += n) {
		const struct bus_region *r = lookup(b, addr + done);
		uint64_t part = value >> (done * 8);

		if (!r) {
			n = 1;
			continue;
		}
		n = piece(r, addr + done, size - done);
		r->ops->write(r->dev, addr + done - r->start, n, part & ones(n));
	}
}
