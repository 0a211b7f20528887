/*
 * vmm-worker/console.h - the serial console between a UART and vxd
 *
 * Output goes into the ring that vxd reads, and never waits for anyone. Input
 * waits here until the UART has room for it; more than CONSOLE_INPUT_MAX waiting
 * bytes are refused, so that a guest that does not read costs a fixed amount.
 */
#ifndef VX_VMM_CONSOLE_H
#define VX_VMM_CONSOLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define CONSOLE_INPUT_MAX 16384

struct console_ring;

struct console {
	struct console_ring *ring; /* borrowed */
	int kick;		   /* borrowed eventfd: there is new output */
	pthread_mutex_t lock;	   /* of all below */
	uint8_t *input;		   /* owned; NULL until the first input */
	size_t input_at, input_len;
	void (*input_ready)(void *reader); /* set once, before any input */
	void *reader;			   /* borrowed */
};

void console_init(struct console *c, struct console_ring *ring, int kick);
void console_fini(struct console *c);

/* From the guest. Callers take turns: a console has one UART, which has a lock. */
void console_output(struct console *c, const void *data, size_t len);
/* To the guest: all of it, or -ENOBUFS. */
int console_input(struct console *c, const void *data, size_t len) NODISCARD;
/* Take up to `room` bytes of input: the count. */
size_t console_input_take(struct console *c, void *out, size_t room);

#endif
