/*
 * tests/unit/test_memory.c - guest RAM
 */
#include "vmm-worker/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "tests/unit/test.h"

#define MIB (1024ull * 1024)
#define PAGE 4096ull
#define HIGH 0x100000000ull

static void add(struct guest_memory *m, enum memory_kind kind, uint64_t gpa,
		uint64_t size)
{
	autoptr(err) e = NULL;

	if (guest_memory_add(m, "ram", kind, gpa, size, &e) < 0)
		t_fail(__FILE__, __LINE__, "%s", e->message);
}

static struct guest_memory two_blocks(void)
{
	struct guest_memory m;

	guest_memory_init(&m);
	add(&m, MEMORY_ANON, 0, 4 * MIB);
	add(&m, MEMORY_MEMFD, HIGH, 4 * MIB);
	return m;
}

static void what_is_written_is_read_in_either_kind(void)
{
	struct guest_memory m = two_blocks();
	static const uint64_t at[] = { 0, 4 * MIB - 8, HIGH, HIGH + 4 * MIB - 8 };

	for (size_t i = 0; i < COUNT(at); i++) {
		uint64_t in = 0x1122334455667788 + i, out = 0;

		T_EQ(guest_write(&m, at[i], &in, sizeof(in)), 0);
		T_EQ(guest_read(&m, at[i], &out, sizeof(out)), 0);
		T_EQ(out, in);
	}
	guest_memory_fini(&m);
}

static void nothing_outside_of_a_block_is_reached(void)
{
	struct guest_memory m = two_blocks();
	static const struct {
		uint64_t gpa, len;
	} bad[] = {
		{ 4 * MIB, 1 },
		{ 4 * MIB - 1, 2 },
		{ 0, 4 * MIB + 1 },
		{ 0, UINT64_MAX },
		{ 1, UINT64_MAX },
		{ HIGH - 1, 1 },
		{ HIGH - 1, 2 },
		{ HIGH + 4 * MIB, 1 },
		{ HIGH + 1, UINT64_MAX - HIGH },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT64_MAX },
		{ 0, 0 },
		{ HIGH, 0 },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct guest_span s = { 0 };

		T_EQ(guest_span_get(&m, bad[i].gpa, bad[i].len, &s), -EFAULT);
		T_OK(!s.data);
	}
	guest_memory_fini(&m);
}

static void copies_outside_fail_and_empty_ones_do_not(void)
{
	struct guest_memory m = two_blocks();
	uint8_t byte = 7;

	T_EQ(guest_write(&m, 4 * MIB, &byte, 1), -EFAULT);
	T_EQ(guest_read(&m, HIGH - 1, &byte, 1), -EFAULT);
	T_EQ(guest_zero(&m, 4 * MIB - 1, 2), -EFAULT);
	T_EQ(byte, 7);
	T_EQ(guest_write(&m, 4 * MIB, &byte, 0), 0);
	T_EQ(guest_read(&m, 4 * MIB, &byte, 0), 0);
	T_EQ(guest_zero(&m, 4 * MIB, 0), 0);
	guest_memory_fini(&m);
}

static void blocks_that_cannot_be_are_refused(void)
{
	struct guest_memory m = two_blocks();
	static const struct {
		uint64_t gpa, size;
	} bad[] = {
		{ 2 * MIB, 4 * MIB }, /* on the first */
		{ 0, PAGE },	       { HIGH - PAGE, 2 * PAGE },
		{ 8 * MIB, 0 },	       { 8 * MIB, 100 },
		{ 8 * MIB + 1, PAGE }, { UINT64_MAX - PAGE + 1, 2 * PAGE },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		autoptr(err) e = NULL;

		T_EQ(guest_memory_add(&m, "ram", MEMORY_ANON, bad[i].gpa, bad[i].size,
				      &e),
		     -1);
		T_EQ(e->code, ERR_INTERNAL);
	}
	T_EQ(m.n_blocks, 2);
	add(&m, MEMORY_ANON, 4 * MIB, PAGE); /* right behind is free */
	guest_memory_fini(&m);
}

static void no_more_blocks_than_there_is_room_for(void)
{
	struct guest_memory m;

	guest_memory_init(&m);
	for (uint64_t i = 0; i < MEMORY_BLOCKS_MAX; i++)
		add(&m, MEMORY_ANON, i * MIB, PAGE);
	T_EQ(guest_memory_add(&m, "ram", MEMORY_ANON, 64 * MIB, PAGE, NULL), -1);
	guest_memory_fini(&m);
}

static void more_than_the_address_space_fails_politely(void)
{
	struct guest_memory m;
	autoptr(err) e = NULL;

	guest_memory_init(&m);
	T_EQ(guest_memory_add(&m, "ram/1", MEMORY_ANON, HIGH, 1ull << 52, &e), -1);
	T_HAS(e->message, "MiB of guest memory");
	T_EQ(m.n_blocks, 0);
	guest_memory_fini(&m);
}

static void a_mapping_begins_as_its_guest_address_does_within_2_mib(void)
{
	struct guest_memory m;

	guest_memory_init(&m);
	for (uint64_t i = 1; i < MEMORY_BLOCKS_MAX; i++) {
		add(&m, i % 2 ? MEMORY_ANON : MEMORY_MEMFD, i * 8 * MIB + i * PAGE,
		    2 * MIB + PAGE);
		T_EQ((uintptr_t)m.blocks[i - 1].host % (2 * MIB),
		     m.blocks[i - 1].gpa % (2 * MIB));
	}
	guest_memory_fini(&m);
}

static void a_memory_file_is_shared_and_sealed(void)
{
	struct guest_memory m;
	char byte = 0;

	guest_memory_init(&m);
	add(&m, MEMORY_MEMFD, 0, MIB);
	T_EQ(guest_write(&m, PAGE + 1, "x", 1), 0);
	T_EQ(pread(m.blocks[0].fd, &byte, 1, PAGE + 1), 1);
	T_EQ(byte, 'x');
	T_EQ(ftruncate(m.blocks[0].fd, 0), -1);
	T_EQ(fcntl(m.blocks[0].fd, F_GET_SEALS) & F_SEAL_SHRINK, F_SEAL_SHRINK);
	guest_memory_fini(&m);
}

/* How many pages of the block's bitmap are marked, and forget them. */
static int take_dirty(struct guest_memory *m, size_t block)
{
	uint64_t *words = m->blocks[block].dirty;
	size_t n = m->blocks[block].size / PAGE / 64;
	int count = 0;

	for (size_t i = 0; i < n; i++)
		count += __builtin_popcountll(words[i]);
	memset(words, 0, n * sizeof(*words));
	return count;
}

static void written_pages_become_dirty_and_read_ones_do_not(void)
{
	struct guest_memory m = two_blocks();
	struct guest_span s;
	uint8_t bytes[2];

	m.blocks[1].dirty = mem_array(m.blocks[1].size / PAGE / 64, sizeof(uint64_t));
	T_EQ(guest_read(&m, HIGH, bytes, sizeof(bytes)), 0);
	T_EQ(guest_span_get(&m, HIGH, 9 * PAGE, &s), 0);
	guest_span_read_done(&s);
	T_OK(!s.data);
	T_EQ(take_dirty(&m, 1), 0);

	T_EQ(guest_write(&m, HIGH + 70 * PAGE, bytes, 1), 0);
	T_EQ(m.blocks[1].dirty[1], 1 << 6);
	T_EQ(take_dirty(&m, 1), 1);
	T_EQ(guest_write(&m, HIGH + PAGE - 1, bytes, 2), 0);
	T_EQ(take_dirty(&m, 1), 2);
	T_EQ(guest_zero(&m, HIGH + 1, 100 * PAGE), 0);
	T_EQ(take_dirty(&m, 1), 101);
	T_EQ(guest_span_get(&m, HIGH + 4 * MIB - 1, 1, &s), 0);
	guest_span_write_done(&s);
	T_OK(!s.data);
	T_EQ(take_dirty(&m, 1), 1);
	/* Nobody tracks the other block. */
	T_EQ(guest_write(&m, 0, bytes, 1), 0);
	guest_memory_fini(&m);
}

static void zeroing_clears_exactly_what_it_is_told(void)
{
	struct guest_memory m = two_blocks();
	static const uint64_t starts[] = { 0, HIGH };
	static const struct {
		uint64_t off, len;
	} pieces[] = { { 10, 20 },
		       { 1, 300000 },
		       { PAGE, 64 * 1024 },
		       { PAGE - 1, MIB },
		       { 0, MIB + 1 } };

	for (size_t b = 0; b < COUNT(starts); b++)
		for (size_t i = 0; i < COUNT(pieces); i++) {
			struct guest_span s;
			uint64_t first = pieces[i].off;
			uint64_t end = first + pieces[i].len;

			T_EQ(guest_span_get(&m, starts[b], 2 * MIB, &s), 0);
			memset(s.data, 0xaa, s.len);
			T_EQ(guest_zero(&m, starts[b] + first, pieces[i].len), 0);
			for (uint64_t at = 0; at < s.len; at++)
				if (s.data[at] != (at < first || at >= end ? 0xaa : 0))
					t_fail(__FILE__, __LINE__, "byte %ju is %#x",
					       (uintmax_t)at, s.data[at]);
		}
	guest_memory_fini(&m);
}

static void zeroing_does_not_take_memory(void)
{
	struct guest_memory m;
	unsigned char resident[64] = { 0 };
	int pages = 0;

	guest_memory_init(&m);
	add(&m, MEMORY_ANON, 0, COUNT(resident) * PAGE);
	madvise(m.blocks[0].host, m.blocks[0].size, MADV_NOHUGEPAGE);
	T_EQ(guest_zero(&m, 0, COUNT(resident) * PAGE), 0);
	T_EQ(mincore(m.blocks[0].host, m.blocks[0].size, resident), 0);
	for (size_t i = 0; i < COUNT(resident); i++)
		pages += resident[i] & 1;
	T_EQ(pages, 0);
	guest_memory_fini(&m);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_is_written_is_read_in_either_kind),
		T_CASE(nothing_outside_of_a_block_is_reached),
		T_CASE(copies_outside_fail_and_empty_ones_do_not),
		T_CASE(blocks_that_cannot_be_are_refused),
		T_CASE(no_more_blocks_than_there_is_room_for),
		T_CASE(more_than_the_address_space_fails_politely),
		T_CASE(a_mapping_begins_as_its_guest_address_does_within_2_mib),
		T_CASE(a_memory_file_is_shared_and_sealed),
		T_CASE(written_pages_become_dirty_and_read_ones_do_not),
		T_CASE(zeroing_clears_exactly_what_it_is_told),
		T_CASE(zeroing_does_not_take_memory),
	};

	return T_RUN(cases);
}
