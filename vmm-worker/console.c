/*
 * vmm-worker/console.c - the serial console between a UART and vxd
 */
#include "vmm-worker/console.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "schema/console_ring.h"

void console_init(struct console *c, struct console_ring *ring, int kick)
{
	*c = (struct console){ .ring = ring, .kick = kick };
	pthread_mutex_init(&c->lock, NULL);
}

void console_fini(struct console *c)
{
	pthread_mutex_destroy(&c->lock);
	free(steal(c->input));
}

void console_output(struct console *c, const void *data, size_t len)
{
	uint64_t one = 1;

	console_ring_write(c->ring, data, len);
	/* A full counter (EAGAIN) still wakes the reader, so the result is moot. */
	ssize_t n UNUSED = write(c->kick, &one, sizeof(one));
}

int console_input(struct console *c, const void *data, size_t len)
{
	pthread_mutex_lock(&c->lock);
	if (len > CONSOLE_INPUT_MAX - c->input_len) {
		pthread_mutex_unlock(&c->lock);
		return -ENOBUFS;
	}
	if (!c->input)
		c->input = mem_alloc(CONSOLE_INPUT_MAX);

	size_t at = (c->input_at + c->input_len) % CONSOLE_INPUT_MAX;
	size_t first = MIN(len, CONSOLE_INPUT_MAX - at);

	memcpy(c->input + at, data, first);
	memcpy(c->input, (const uint8_t *)data + first, len - first);
	c->input_len += len;
	pthread_mutex_unlock(&c->lock);
	if (c->input_ready)
		c->input_ready(c->reader);
	return 0;
}

size_t console_input_take(struct console *c, void *out, size_t room)
{
	pthread_mutex_lock(&c->lock);

	size_t n = MIN(room, c->input_len);
	size_t first = MIN(n, CONSOLE_INPUT_MAX - c->input_at);

	if (n) {
		memcpy(out, c->input + c->input_at, first);
		memcpy((uint8_t *)out + first, c->input, n - first);
		c->input_at = (c->input_at + n) % CONSOLE_INPUT_MAX;
		c->input_len -= n;
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}
