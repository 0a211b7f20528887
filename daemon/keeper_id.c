/*
 * daemon/keeper_id.c - who an instance's keeper is, said by itself
 *
 * vxd records its keepers, but one that is killed within a start cannot: the worker would
 * run on, watched by nobody, and be started a second time. So the keeper, before it
 * starts the worker, leaves its numbers where the next vxd looks.
 */
#include "daemon/keeper_id.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/id.h"

#define TEXT_MAX 64

int keeper_id_write(int dir)
{
	autofd int fd =
		openat(dir, KEEPER_ID_NAME,
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[TEXT_MAX];
	uint64_t start = 0;
	int rc = fd < 0 ? -errno : process_start_time(getpid(), &start);

	if (rc < 0)
		return rc;
	rc = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", (int)getpid(), start);
	return fd_write_all(fd, text, (size_t)rc);
}

bool keeper_id_read(int dir, uint64_t *out_pid, uint64_t *out_start)
{
	autofree char *text = NULL;
	uint64_t pid, start;
	char end;

	/* Without the line feed it is being written just now. */
	if (dir < 0 || fd_read_file(dir, KEEPER_ID_NAME, TEXT_MAX, &text, NULL) < 0 ||
	    sscanf(text, "%7" SCNu64 " %15" SCNu64 "%c", &pid, &start, &end) != 3 ||
	    end != '\n')
		return false;
	*out_pid = pid;
	*out_start = start;
	return true;
}
