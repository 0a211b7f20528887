/*
 * base/id.h - UUIDs and the identity of this boot and of processes
 */
#ifndef VX_BASE_ID_H
#define VX_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UUID_TEXT 37 /* 36 characters and the NUL */

/* UUIDv7 (RFC 9562 §5.7): ordered by time, 74 random bits. */
void uuid_v7(char out[UUID_TEXT]);
/* UUIDv4 (RFC 9562 §5.4). */
void uuid_v4(char out[UUID_TEXT]);
bool uuid_valid(const char *text);
/* The 16 bytes in text order. False if `text` is not a UUID. */
bool uuid_bytes(const char *text, uint8_t out[16]);

/* /proc/sys/kernel/random/boot_id; 0 or -errno. */
int boot_id(char out[UUID_TEXT]);
/* Start time of process `pid` in clock ticks since boot (proc(5) field 22);
 * with the boot id and pid it names one process for ever. 0 or -errno. */
int process_start_time(pid_t pid, uint64_t *out);

#endif
