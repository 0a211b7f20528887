/*
 * daemon/store_writer.h - the writer thread
 */
#ifndef VX_DAEMON_STORE_WRITER_H
#define VX_DAEMON_STORE_WRITER_H

#include "daemon/store_internal.h"

struct store_writer; /* laid out in store_writer.c alone */

/*
 * Consumes `db` and `files`. Each finished request is handed to `finished` from
 * the thread, which must be quick.
 */
struct store_writer *store_writer_start(struct store_db *db, struct store_files *files,
					void (*finished)(void *owner,
							 struct store_queue *q),
					void *owner, struct err **e) NODISCARD;
/* Consumes `r`. */
void store_writer_add(struct store_writer *w, struct store_request *r);
/* Finish what waits, end the thread, close the database. */
void store_writer_stop(struct store_writer *w);

#endif
