/*
 * daemon/store_files.h - files beside the database: identity.json and definitions/
 */
#ifndef VX_DAEMON_STORE_FILES_H
#define VX_DAEMON_STORE_FILES_H

#include "base/id.h"
#include "daemon/store.h"
#include "daemon/store_dir.h"

/* A definition file that is not yet as the database has it. */
struct store_file {
	char *id;   /* owned */
	char *text; /* owned; NULL: to be removed */
};

struct store_files {
	int dirfd;		 /* borrowed */
	struct store_file *todo; /* owned */
	size_t n_todo, room;
	char **removed; /* owned: their removal need not be remembered any more */
	size_t n_removed, removed_room;
	bool failing; /* said so in the log */
};
void store_files_fini(struct store_files *f);
AUTOFINI(store_files, store_files_fini);
/* Consumes `text`, which is a record without its newline, or NULL to remove. */
void store_files_add(struct store_files *f, const char *id, char *text);
void store_files_forget_removed(struct store_files *f);
/* Do what is to be done; what fails stays on the list. */
void store_files_flush(struct store_files *f);
/*
 * Compare definitions/ with the records and put what differs on the list, which
 * is not flushed. ERR_STORE_DAMAGED when a file is newer than its record: then a
 * commit was lost. `removals`: ids of deleted VMs whose file may still be there.
 */
int store_files_compare(struct store_files *f, const struct store_dir *d,
			const struct store_content *c, char *const *removals,
			size_t n_removals, struct err **e);
/* Names of all files in definitions/ that end in .json; free with _list_free(). */
char **store_files_list(const struct store_dir *d, size_t *out_n) NODISCARD;
void store_files_list_free(char **names, size_t n);
/* Is `name` that of a definition file, ID.json? */
bool store_files_is_definition(const char *name, char out_id[UUID_TEXT]);
/* The record in file `name`; its id is that of the name. */
int store_files_read(int definitions, const char *name, struct vm_record *out,
		     struct err **e);
/* A later state of the same VM? By revision, then by instance. */
bool store_record_newer(const struct vm_record *a, const struct vm_record *b);
/* ERR_NOT_FOUND if there is none. */
int store_identity_read(const struct store_dir *d, struct database_identity *out,
			struct err **e);
int store_identity_write(const struct store_dir *d, const struct database_identity *id,
			 struct err **e);

#endif
