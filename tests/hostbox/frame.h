/*
 * tests/hostbox/frame.h - what comes out of the box on its output port
 *
 * hbinit writes frames, hbrun reads them: a head, then `bytes` of payload. One
 * stream for output and exit status keeps them in order, so the status is known
 * to come after the last byte of output, which separate ports cannot tell.
 */
#ifndef HOSTBOX_FRAME_H
#define HOSTBOX_FRAME_H

#include <stdint.h>

#define FRAME_PAYLOAD_MAX 32000 /* with its head below virtio-serial's 32 KiB a write */

enum frame_kind {
	FRAME_STARTED, /* no payload: the command is about to run */
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_EXITED, /* payload: one byte, the exit status as a shell counts it */
	FRAME_KIND_COUNT,
};

struct frame {
	uint32_t kind;
	uint32_t bytes;
	uint8_t payload[FRAME_PAYLOAD_MAX];
};

#define FRAME_HEAD_BYTES 8

#endif
