/*
 * tests/unit/test_console_ring.c - the shared ring: order, losses, and a writer that lies
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"
#include "schema/console_ring.h"

#define SIZE ((uint64_t)CONSOLE_RING_SIZE)
/* What a reader can count on: the rest may be under the writer's hands. */
#define KEPT (SIZE - CONSOLE_RING_STEP)

static struct console_ring *ring_new(void)
{
	autofd int fd = fd_memfd_sealed("ring", CONSOLE_RING_BYTES);
	struct console_ring *ring = console_ring_map(fd, true);

	T_OK(ring);
	return ring;
}

/* The byte that belongs at place `n`: no two places near one another have the same. */
static uint8_t byte_at(uint64_t n)
{
	return (uint8_t)(n % 251);
}

/* Append `len` bytes that tell their place. */
static void write_places(struct console_ring *ring, size_t len)
{
	uint64_t head = atomic_load(&ring->head);
	autofree uint8_t *bytes = mem_alloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(head + i);
	console_ring_write(ring, bytes, len);
	T_EQ(atomic_load(&ring->head), head + len);
}

/* Read all there is; every byte must tell its place. The number of bytes read. */
static uint64_t read_places(const struct console_ring *ring, uint64_t *pos, size_t room,
			    uint64_t *all_lost)
{
	autofree uint8_t *out = mem_alloc(room);
	uint64_t lost, total = 0;

	for (;;) {
		size_t n = console_ring_read(ring, pos, out, room, &lost);

		T_OK(n <= room);
		*all_lost += lost;
		if (n == 0)
			break;
		total += n;
		for (size_t i = 0; i < n; i++)
			T_EQ(out[i], byte_at(*pos - n + i));
	}
	return total;
}

static void only_a_sealed_file_of_the_right_size_is_mapped(void)
{
	autofd int small = fd_memfd_sealed("a", CONSOLE_RING_BYTES - 1);
	autofd int large = fd_memfd_sealed("b", CONSOLE_RING_BYTES + 4096);
	autofd int loose = memfd_create("c", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	T_EQ(ftruncate(loose, CONSOLE_RING_BYTES), 0);
	T_OK(!console_ring_map(small, true));
	T_EQ(errno, EINVAL);
	T_OK(!console_ring_map(large, true));
	T_OK(!console_ring_map(loose, true));
	T_OK(!console_ring_map(-1, true));
	console_ring_unmap(NULL);
}

static void a_reader_sees_what_a_writer_of_the_same_file_writes(void)
{
	autofd int fd = fd_memfd_sealed("ring", CONSOLE_RING_BYTES);
	struct console_ring *w = console_ring_map(fd, true),
			    *r = console_ring_map(fd, false);
	uint64_t pos = 0, lost = 77;
	char out[8] = "";

	T_OK(w && r && w != r);
	console_ring_write(w, "hello", 5);
	T_EQ(console_ring_read(r, &pos, out, sizeof(out), &lost), 5);
	T_STR(out, "hello");
	T_EQ(lost, 0);
	T_EQ(pos, 5);
	T_EQ(console_ring_read(r, &pos, out, sizeof(out), &lost), 0);
	T_EQ(pos, 5);
	console_ring_unmap(w);
	console_ring_unmap(r);
}

static void a_reader_cannot_write(void)
{
	autofd int fd = fd_memfd_sealed("ring", CONSOLE_RING_BYTES);
	struct console_ring *r = console_ring_map(fd, false);
	int status;

	T_OK(r);
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		atomic_store(&r->head, 1);
		_exit(0);
	}
	T_EQ(waitpid(pid, &status, 0), pid);
	T_OK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	console_ring_unmap(r);
}

static void an_empty_write_changes_nothing(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 77;
	char out[4];

	console_ring_write(ring, NULL, 0);
	T_EQ(console_ring_read(ring, &pos, out, sizeof(out), &lost), 0);
	T_EQ(lost, 0);
	T_EQ(pos, 0);
	console_ring_unmap(ring);
}

static void bytes_keep_their_order_around_the_end(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 0, got = 0, sent = 0;

	for (size_t step = 1; sent < 3 * SIZE; step = step * 7 % 65537) {
		write_places(ring, step);
		sent += step;
		got += read_places(ring, &pos, 1000, &lost);
		T_EQ(got, sent);
	}
	T_EQ(lost, 0);
	console_ring_unmap(ring);
}

static void a_full_ring_loses_nothing_and_one_byte_more_loses_one(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 0;

	write_places(ring, KEPT);
	T_EQ(read_places(ring, &pos, 4096, &lost), KEPT);
	T_EQ(lost, 0);
	write_places(ring, KEPT + 1);
	T_EQ(read_places(ring, &pos, 4096, &lost), KEPT);
	T_EQ(lost, 1);
	T_EQ(pos, 2 * KEPT + 1);
	console_ring_unmap(ring);
}

static void what_was_overwritten_is_counted_once(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 0, got = 0, sent = 0;

	for (int i = 1; i <= 12; i++) {
		size_t n = (size_t)i * 50000;

		write_places(ring, n);
		sent += n;
		got += read_places(ring, &pos, 30000, &lost);
		T_EQ(got + lost, sent);
	}
	T_OK(lost > 0 && got > KEPT);
	console_ring_unmap(ring);
}

static void a_late_reader_gets_the_newest(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 77;
	uint8_t byte;

	write_places(ring, 5 * SIZE + 123);
	T_EQ(console_ring_read(ring, &pos, &byte, 1, &lost), 1);
	T_EQ(lost, 5 * SIZE + 123 - KEPT);
	T_EQ(byte, byte_at(lost));
	T_EQ(pos, lost + 1);
	console_ring_unmap(ring);
}

static void no_room_reads_nothing_but_tells_the_loss(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 77;
	char none;

	write_places(ring, KEPT + 10);
	T_EQ(console_ring_read(ring, &pos, &none, 0, &lost), 0);
	T_EQ(lost, 10);
	T_EQ(pos, 10);
	console_ring_unmap(ring);
}

/* Whatever a worker writes there, nothing outside is touched and all counts are sane. */
static void a_head_that_lies_leads_nowhere(void)
{
	static const uint64_t heads[] = {
		0,
		1,
		CONSOLE_RING_SIZE - 1,
		CONSOLE_RING_SIZE,
		CONSOLE_RING_SIZE + 1,
		UINT32_MAX,
		CONSOLE_RING_HEAD_MAX - 1,
		CONSOLE_RING_HEAD_MAX,
		CONSOLE_RING_HEAD_MAX + 1,
		INT64_MAX,
		(uint64_t)INT64_MAX + 1,
		UINT64_MAX - CONSOLE_RING_SIZE,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	struct console_ring *ring = ring_new();

	for (size_t i = 0; i < COUNT(heads); i++)
		for (size_t k = 0; k < COUNT(heads); k++) {
			/* An exact allocation, so that the sanitizer sees one too far. */
			autofree uint8_t *out = mem_alloc(3000);
			uint64_t pos = heads[k], before = pos, lost = 77;
			size_t n;

			atomic_store(&ring->head, heads[i]);
			n = console_ring_read(ring, &pos, out, 3000, &lost);
			T_OK(n <= 3000);
			T_OK(pos == before + lost + n);
			T_OK(pos <= MAX(heads[i], before));
			if (heads[i] > CONSOLE_RING_HEAD_MAX)
				T_EQ(pos, before);
		}
	console_ring_unmap(ring);
}

static void a_head_that_goes_back_is_waited_for(void)
{
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 77;
	uint8_t out[16];

	write_places(ring, 1000);
	T_EQ(console_ring_read(ring, &pos, out, sizeof(out), &lost), sizeof(out));
	atomic_store(&ring->head, 3);
	T_EQ(console_ring_read(ring, &pos, out, sizeof(out), &lost), 0);
	T_EQ(lost, 0);
	T_EQ(pos, sizeof(out));
	console_ring_unmap(ring);
}

/* A writer in a process of its own, as fast as it can, and a reader that checks. */
static void what_is_read_while_it_is_written_is_never_torn(void)
{
	enum { TOTAL = 64 * 1024 * 1024 };
	struct console_ring *ring = ring_new();
	uint64_t pos = 0, lost = 0, got = 0;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		for (uint64_t sent = 0; sent < TOTAL;) {
			write_places(ring, 1 + sent % 3000);
			sent = atomic_load(&ring->head);
		}
		_exit(0);
	}
	while (pos < TOTAL)
		got += read_places(ring, &pos, 60000, &lost);
	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(status, 0);
	got += read_places(ring, &pos, 60000, &lost);
	T_EQ(got + lost, atomic_load(&ring->head));
	console_ring_unmap(ring);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(only_a_sealed_file_of_the_right_size_is_mapped),
		T_CASE(a_reader_sees_what_a_writer_of_the_same_file_writes),
		T_CASE(a_reader_cannot_write),
		T_CASE(an_empty_write_changes_nothing),
		T_CASE(bytes_keep_their_order_around_the_end),
		T_CASE(a_full_ring_loses_nothing_and_one_byte_more_loses_one),
		T_CASE(what_was_overwritten_is_counted_once),
		T_CASE(a_late_reader_gets_the_newest),
		T_CASE(no_room_reads_nothing_but_tells_the_loss),
		T_CASE(a_head_that_lies_leads_nowhere),
		T_CASE(a_head_that_goes_back_is_waited_for),
		T_CASE(what_is_read_while_it_is_written_is_never_torn),
	};

	return T_RUN(cases);
}
