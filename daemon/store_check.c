/*
 * daemon/store_check.c - is the database sound? Reading it whole
 *
 * All of this comes before the first write, and nothing here may change a byte of
 * what it looks at, even where it finds damage:
 *
 *   no log    opened as immutable: SQLite neither locks nor makes anything
 *   log       left by a vxd that died. Opened for writing, since the log can be
 *             read in no other way, but with queries only, the index of the log
 *             on the heap and no checkpoint at the end
 *
 * A header that is not ours never reaches SQLite, which deletes the log of an empty
 * database and rolls back a journal that it finds. The log's lost tail looks to it
 * like commits that never were; definition files that are newer tell us.
 */
#include "daemon/store_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* https://www.sqlite.org/fileformat2.html#the_database_header */
#define HEADER_SIZE 100
#define HEADER_MAGIC "SQLite format 3"
#define HEADER_PAGE_SIZE 16
#define HEADER_VERSION 60
#define HEADER_APPLICATION 68

int store_damaged(struct err **e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(e, ERR_STORE_DAMAGED, fmt, args);
	va_end(args);
	return err_hint(e, "it is left as it is; \"vxctl admin recover\" puts it aside"
			   " and rebuilds one from the definition files");
}

/* What SQLite cannot make sense of is damage, where it was only to read. */
static int as_damage(struct err **e)
{
	if (!e || !*e || (*e)->code != ERR_INTERNAL)
		return -1;

	autofree char *why = mem_strdup((*e)->message);

	return store_damaged(e, "%s", why);
}

static int newer(const char *path, uint64_t version, const struct store_versions *v,
		 struct err **e)
{
	err_set(e, ERR_STORE_NEWER, "%s has version %llu, and this vx knows %zu", path,
		(unsigned long long)version, v->n);
	return err_hint(e, "use the newer vx; the database is left as it is");
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int check_size(const char *path, const unsigned char *h, int64_t size,
		      struct err **e)
{
	/* 1 stands for 65536. */
	int64_t page = h[HEADER_PAGE_SIZE] << 8 | h[HEADER_PAGE_SIZE + 1];

	if (page == 1)
		page = 65536;
	if (page < 512 || (page & (page - 1)))
		return store_damaged(e, "%s: its pages have no size", path);
	if (size % page)
		return store_damaged(e, "%s: its last page is cut off", path);
	return 0;
}

/* By the bytes alone, before SQLite sees the file. */
static int check_header(const struct store_dir *d, const char *path, bool log,
			const struct store_versions *v, struct err **e)
{
	unsigned char h[HEADER_SIZE];
	autofd int fd = openat(d->fd, STORE_DB, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);

	ssize_t n = fd_pread_full(fd, h, sizeof(h), 0);

	if (n < 0)
		return err_sys(e, (int)n, "read %s", path);
	if (n < (ssize_t)sizeof(h) ||
	    memcmp(h, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
		return store_damaged(e, "%s is not a database", path);
	if (be32(h + HEADER_APPLICATION) != STORE_APPLICATION_ID)
		return store_damaged(e, "%s is not a database of vx", path);
	if (be32(h + HEADER_VERSION) > v->n)
		return newer(path, be32(h + HEADER_VERSION), v, e);
	/* With a log, a page may be half written and still be whole in the log. */
	return log ? 0 : check_size(path, h, store_dir_size(d, STORE_DB), e);
}

static int check_integrity(struct store_db *db, struct err **e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->sql, "PRAGMA integrity_check(1)", -1, &stmt,
				    NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	const char *says =
		rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;

	if (!says)
		rc = store_db_err(db, "check", e);
	else if (!str_eq(says, "ok"))
		rc = store_damaged(e, "%s: %s", db->path, says);
	else
		rc = 0;
	sqlite3_finalize(stmt);
	return rc;
}

void store_snapshot_fini(struct store_snapshot *s)
{
	store_content_fini(&s->content);
	for (size_t i = 0; i < s->n_removals; i++)
		free(s->removals[i]);
	free(s->removals);
	*s = (struct store_snapshot){ 0 };
}

static int read_vm(sqlite3_stmt *row, struct store_snapshot *s, struct err **e)
{
	const char *id = (const char *)sqlite3_column_text(row, 0);
	const char *json = (const char *)sqlite3_column_text(row, 1);
	size_t len = (size_t)sqlite3_column_bytes(row, 1);
	autofini(vm_record) vm = { 0 };
	autoptr(err) why = NULL;

	if (!id || !json)
		return store_damaged(e, "a VM's record is empty");
	if (store_record_sum(json) != sqlite3_column_int64(row, 2))
		return store_damaged(e, "the record of VM %s was altered", id);
	if (vm_record_parse(json, len, DECODE_LENIENT, &vm, &why) < 0)
		return store_damaged(e, "the record of VM %s: %s%s%s", id,
				     why->path ? why->path : "", why->path ? ": " : "",
				     why->message);
	if (!str_eq(vm.definition.id, id))
		return store_damaged(e, "the record of VM %s is that of VM %s", id,
				     vm.definition.id);

	struct store_content *c = &s->content;

	c->vms = mem_grow(c->vms, c->n_vms + 1, sizeof(*c->vms));
	c->vms[c->n_vms++] = vm;
	vm = (struct vm_record){ 0 };
	return 0;
}

static int read_removal(sqlite3_stmt *row, struct store_snapshot *s,
			struct err **e UNUSED)
{
	const char *id = (const char *)sqlite3_column_text(row, 0);

	/* Ids become file names. */
	if (!id || !uuid_valid(id))
		return store_damaged(e, "the list of deleted VMs");
	s->removals = mem_grow(s->removals, s->n_removals + 1, sizeof(*s->removals));
	s->removals[s->n_removals++] = mem_strdup(id);
	return 0;
}

static int read_identity(sqlite3_stmt *row, struct store_snapshot *s,
			 struct err **e UNUSED)
{
	struct database_identity *id = &s->content.identity;
	const char *text = (const char *)sqlite3_column_text(row, 0);
	int64_t epoch = sqlite3_column_int64(row, 1);

	if (id->db_id || !text || !uuid_valid(text) || epoch < 1 ||
	    (uint64_t)epoch > STORE_SEQ_MAX)
		return store_damaged(e, "the database's identity");
	id->db_id = mem_strdup(text);
	id->db_epoch = (uint64_t)epoch;
	return 0;
}

static int read_rows(struct store_db *db, const char *sql, struct store_snapshot *s,
		     int (*read)(sqlite3_stmt *row, struct store_snapshot *s,
				 struct err **e),
		     struct err **e)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->sql, sql, -1, &stmt, NULL), bad = 0;

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW && (bad = read(stmt, s, e)) < 0)
			break;
	}
	if (!bad && rc != SQLITE_DONE)
		bad = store_db_err(db, "read", e);
	else if (bad)
		err_wrap(e, "%s", db->path);
	sqlite3_finalize(stmt);
	return bad;
}

static int read_events_range(struct store_db *db, struct store_snapshot *s,
			     struct err **e)
{
	int64_t first, last;

	if (store_db_int(db, "SELECT coalesce(min(seq), 0) FROM events", &first, e) <
		    0 ||
	    store_db_int(db, "SELECT coalesce(max(seq), 0) FROM events", &last, e) < 0)
		return -1;
	if (first < 0 || first > last || (uint64_t)last > STORE_SEQ_MAX)
		return store_damaged(e, "%s: the numbers of its events", db->path);
	s->oldest_seq = (uint64_t)first;
	s->content.last_seq = (uint64_t)last;
	return 0;
}

int store_check_read(struct store_db *db, struct store_snapshot *out, struct err **e)
{
	autofini(store_snapshot) s = { 0 };

	if (read_rows(db, "SELECT db_id, db_epoch FROM identity", &s, read_identity,
		      e) < 0 ||
	    read_rows(db, "SELECT id, record, sum FROM vms ORDER BY id", &s, read_vm,
		      e) < 0 ||
	    read_rows(db, "SELECT id FROM removals", &s, read_removal, e) < 0 ||
	    read_events_range(db, &s, e) < 0)
		return as_damage(e);
	if (!s.content.identity.db_id)
		return store_damaged(e, "%s has no identity", db->path);
	*out = s;
	s = (struct store_snapshot){ 0 };
	return 0;
}

static int check_identity(const struct store_dir *d, struct store_snapshot *s,
			  struct err **e)
{
	const struct database_identity *ours = &s->content.identity;
	autofini(database_identity) file = { 0 };
	autoptr(err) why = NULL;

	if (store_identity_read(d, &file, &why) < 0) {
		/* The database knows better; the file is written again. */
		if (why->code != ERR_NOT_FOUND)
			log_err(why, "%s/%s", d->path, STORE_IDENTITY);
		return 0;
	}
	if (!str_eq(file.db_id, ours->db_id) || file.db_epoch != ours->db_epoch)
		return store_damaged(e,
				     "%s/%s is database %s of epoch %llu, but %s says"
				     " %s of epoch %llu",
				     d->path, STORE_DB, ours->db_id,
				     (unsigned long long)ours->db_epoch, STORE_IDENTITY,
				     file.db_id, (unsigned long long)file.db_epoch);
	s->identity_file = true;
	return 0;
}

int store_check_beside(const struct store_dir *d, struct store_snapshot *s,
		       struct store_files *files, struct err **e)
{
	if (check_identity(d, s, e) < 0)
		return -1;
	return store_files_compare(files, d, &s->content, s->removals, s->n_removals,
				   e);
}

static int check_version(struct store_db *db, const struct store_versions *v,
			 uint64_t *version, struct err **e)
{
	int64_t application;

	if (store_db_int(db, "PRAGMA application_id", &application, e) < 0 ||
	    store_schema_version(db, version, e) < 0)
		return as_damage(e);
	if (application != STORE_APPLICATION_ID || *version == 0)
		return store_damaged(e, "%s is not a database of vx", db->path);
	if (*version > v->n)
		return newer(db->path, *version, v, e);
	return 0;
}

int store_check_dir(const struct store_dir *d, const struct store_versions *v,
		    uint64_t *out_version, struct store_snapshot *out,
		    struct store_files *files, struct err **e)
{
	autofree char *path = store_dir_file(d, STORE_DB);
	bool log = store_dir_size(d, STORE_DB "-wal") > 0;
	uint64_t version = 0;

	/* We never leave a rollback journal, and SQLite would apply it. */
	if (store_dir_size(d, STORE_DB "-journal") > 0)
		return store_damaged(e, "%s-journal is not ours", path);
	if (check_header(d, path, log, v, e) < 0)
		return -1;

	autoptr(store_db) db =
		store_db_open(path, log ? STORE_DB_EXAMINE : STORE_DB_IMMUTABLE, e);

	if (!db || check_version(db, v, &version, e) < 0 || check_integrity(db, e) < 0)
		return as_damage(e);
	if (version == v->n && (store_check_read(db, out, e) < 0 ||
				store_check_beside(d, out, files, e) < 0))
		return -1;
	*out_version = version;
	return 0;
}
