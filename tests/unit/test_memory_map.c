/*
 * tests/unit/test_memory_map.c - where everything lies in guest-physical space
 */
#include "vmm-worker/memory_map.h"

#include "tests/unit/test.h"

#define MIB (1024ull * 1024)
#define GIB (1024 * MIB)

static const uint64_t sizes[] = { 2 * MIB,	  16 * MIB, 3 * GIB - 4096, 3 * GIB,
				  3 * GIB + 4096, 5 * GIB,  1024 * GIB };

static uint64_t sum(const struct map_range *ranges, size_t n, uint32_t type)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += ranges[i].type == type ? ranges[i].size : 0;
	return total;
}

static void ram_lies_below_the_hole_and_then_from_4_gib(void)
{
	struct map_range r[2] = { 0 };

	T_EQ(memory_map_ram(3 * GIB, r), 1);
	T_EQ(r[0].start, 0);
	T_EQ(r[0].size, 3 * GIB);
	T_EQ(memory_map_ram(5 * GIB, r), 2);
	T_EQ(r[0].size, 3 * GIB);
	T_EQ(r[1].start, 4 * GIB);
	T_EQ(r[1].size, 2 * GIB);
	T_EQ(memory_map_ram(0, r), 0);
}

static void no_byte_of_ram_is_lost(void)
{
	struct map_range r[2] = { 0 };

	for (size_t i = 0; i < COUNT(sizes); i++)
		T_EQ(sum(r, memory_map_ram(sizes[i], r), E820_RAM), sizes[i]);
}

static void the_guest_is_told_ordered_ranges_that_do_not_overlap(void)
{
	struct map_range r[MAP_RANGES_MAX] = { 0 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = memory_map_e820(sizes[i], r);

		T_OK(n > 1 && n <= MAP_RANGES_MAX);
		for (size_t k = 0; k < n; k++) {
			T_OK(r[k].size > 0);
			T_EQ(r[k].start % 1024, 0);
			T_OK(k == 0 || r[k].start >= r[k - 1].start + r[k - 1].size);
		}
	}
}

static void the_guest_is_told_all_ram_but_what_lies_below_1_mib(void)
{
	struct map_range r[MAP_RANGES_MAX] = { 0 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = memory_map_e820(sizes[i], r);

		T_EQ(sum(r, n, E820_RAM), sizes[i] - (MIB - MAP_EBDA));
	}
}

static bool reserved(const struct map_range *r, size_t n, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].type == E820_RESERVED && r[i].start <= start &&
		    r[i].start + r[i].size >= end)
			return true;
	return false;
}

static void what_is_not_for_the_guest_to_use_is_reserved(void)
{
	struct map_range r[MAP_RANGES_MAX] = { 0 };
	size_t n = memory_map_e820(16 * MIB, r);

	T_OK(reserved(r, n, MAP_RSDP, MAP_ACPI_TABLES_END));
	T_OK(reserved(r, n, MAP_EBDA, MAP_ROM_AREA));
	T_OK(reserved(r, n, MAP_ECAM, MAP_ECAM + MAP_ECAM_SIZE));
	T_OK(reserved(r, n, MAP_IDENTITY_PAGE, MAP_TSS + MAP_TSS_SIZE));
}

static void less_than_1_mib_is_told_as_it_is(void)
{
	struct map_range r[MAP_RANGES_MAX] = { 0 };
	size_t n = memory_map_e820(64 * 1024, r);

	T_EQ(sum(r, n, E820_RAM), 64 * 1024);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(ram_lies_below_the_hole_and_then_from_4_gib),
		T_CASE(no_byte_of_ram_is_lost),
		T_CASE(the_guest_is_told_ordered_ranges_that_do_not_overlap),
		T_CASE(the_guest_is_told_all_ram_but_what_lies_below_1_mib),
		T_CASE(what_is_not_for_the_guest_to_use_is_reserved),
		T_CASE(less_than_1_mib_is_told_as_it_is),
	};

	return T_RUN(cases);
}
