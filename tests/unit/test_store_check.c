/*
 * tests/unit/test_store_check.c - what must be refused, and left as it is
 *
 * Each refusal is checked twice: the code is right, and no file differs by a byte.
 */
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/store_internal.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#define VMS 5

static void refused_untouched(enum err_code code, const char *part)
{
	autofree char *before = look_at("s");
	autoptr(err) e = rig_refused("s");
	autofree char *after = look_at("s");

	T_STR(after, before);
	T_HAS(e->message, part);
	T_EQ(e->code, code);
	T_OK(e->hint != NULL);
}

static char *db_path(void)
{
	return in_dir("s/" STORE_DB);
}

static void overwrite(size_t at, const void *bytes, size_t n)
{
	size_t len;
	autofree char *path = db_path();
	autofree char *data = read_file(path, &len);

	T_OK(at + n <= len);
	memcpy(data + at, bytes, n);
	write_file(path, data, len);
}

static void garbage_is_refused(void)
{
	autofree char *path = db_path();
	char garbage[8192];

	make_closed_store("s", VMS);
	memset(garbage, 0x5a, sizeof(garbage));
	write_file(path, garbage, sizeof(garbage));
	refused_untouched(ERR_STORE_DAMAGED, "is not a database");
	write_file(path, "", 0);
	refused_untouched(ERR_STORE_DAMAGED, "is not a database");
}

static void garbage_with_a_log_is_refused(void)
{
	autofree char *path = db_path();

	/* SQLite itself would delete the log of an empty database. */
	make_killed_store("s", VMS);
	write_file(path, "", 0);
	refused_untouched(ERR_STORE_DAMAGED, "is not a database");
}

static void any_truncation_is_refused(void)
{
	size_t len;
	autofree char *path = db_path();

	make_closed_store("s", VMS);
	autofree char *data = read_file(path, &len);

	for (size_t cut = len - 1; cut > 0; cut -= MIN(cut, (size_t)1111)) {
		write_file(path, data, cut);
		refused_untouched(ERR_STORE_DAMAGED, "");
	}
	for (size_t cut = len - 4096; cut > 0; cut -= 4096) {
		write_file(path, data, cut);
		refused_untouched(ERR_STORE_DAMAGED, "");
	}
}

static void a_truncation_with_a_log_is_refused(void)
{
	size_t len;
	struct rig r;
	autofree char *path = db_path();

	make_closed_store("s", VMS);
	make_killed_store("s", 1);
	autofree char *data = read_file(path, &len);

	write_file(path, data, 4096);
	refused_untouched(ERR_STORE_DAMAGED, "");
	write_file(path, data, len);
	rig_open(&r, "s");
	rig_close(&r);
}

static void another_program_s_database_is_refused(void)
{
	make_closed_store("s", VMS);
	overwrite(68, "abcd", 4);
	refused_untouched(ERR_STORE_DAMAGED, "not a database of vx");
}

static void a_newer_database_is_refused(void)
{
	const unsigned char newer[] = { 0, 0, 0, (unsigned char)store_versions.n + 1 };
	const unsigned char none[] = { 0, 0, 0, 0 };

	make_closed_store("s", VMS);
	overwrite(60, newer, 4);
	refused_untouched(ERR_STORE_NEWER, "has version 2");
	overwrite(60, none, 4);
	refused_untouched(ERR_STORE_DAMAGED, "not a database of vx");
}

static void a_newer_database_is_refused_by_its_log_too(void)
{
	sqlite3 *sql;
	autofree char *path = db_path();
	autofree char *log = in_dir("s/" STORE_DB "-wal");

	make_closed_store("s", VMS);
	T_EQ(sqlite3_open(path, &sql), SQLITE_OK);
	sqlite3_db_config(sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	T_EQ(sqlite3_exec(sql, "PRAGMA user_version = 99", NULL, NULL, NULL),
	     SQLITE_OK);
	T_EQ(sqlite3_close(sql), SQLITE_OK);
	T_OK(file_exists(log));
	refused_untouched(ERR_STORE_NEWER, "has version 99");
}

static void a_rollback_journal_is_refused(void)
{
	autofree char *journal = in_dir("s/" STORE_DB "-journal");

	make_closed_store("s", VMS);
	write_file(journal, "x", 1);
	refused_untouched(ERR_STORE_DAMAGED, "-journal is not ours");
}

static void a_missing_database_is_not_made_anew(void)
{
	autofree char *path = db_path();
	autofree char *identity = in_dir("s/identity.json");

	make_closed_store("s", VMS);
	unlink(path);
	refused_untouched(ERR_STORE_DAMAGED, "identity.json is there");
	unlink(identity);
	refused_untouched(ERR_STORE_DAMAGED, "definitions is there");
}

static void a_database_of_another_epoch_is_refused(void)
{
	autofree char *file = in_dir("s/identity.json");
	struct rig r;

	make_closed_store("s", VMS);
	autofree char *right = read_file(file, NULL);
	autofree char *other = mem_strdup(right);
	char *epoch = strstr(other, "\"db_epoch\":1");

	T_OK(epoch != NULL);
	epoch[strlen("\"db_epoch\":")] = '2';
	write_file(file, other, strlen(other));
	refused_untouched(ERR_STORE_DAMAGED, "of epoch 2");

	/* What cannot be read cannot disagree. */
	log_set_level(LOG_LEVEL_ERROR);
	write_file(file, "{", 1);
	rig_open(&r, "s");
	rig_close(&r);
	autofree char *again = read_file(file, NULL);

	T_STR(again, right);
}

static void a_lost_commit_is_noticed(void)
{
	size_t len;
	struct rig r;
	autofree char *path = db_path();

	make_closed_store("s", VMS);
	autofree char *data = read_file(path, &len);

	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(3, "vm-3", 2));
	rig_close(&r);
	write_file(path, data, len);
	refused_untouched(ERR_STORE_DAMAGED, "lost a change of VM vm-3");
}

static void a_log_that_lost_its_end_is_noticed(void)
{
	autofree char *log = in_dir("s/" STORE_DB "-wal");
	struct rig r;
	size_t len;

	/* All VMs anew in the log, so that an old log means old records. */
	make_closed_store("s", VMS);
	rig_open(&r, "s");
	rig_close(&r);
	pid_t pid = fork();

	if (pid == 0) {
		rig_open(&r, "s");
		for (unsigned int i = 1; i <= VMS; i++) {
			autofree char *name = mem_printf("vm-%u", i);

			rig_commit_ok(&r, test_batch(i, name, 2));
		}
		_exit(0);
	}
	T_EQ(waitpid(pid, NULL, 0), pid);
	autofree char *data = read_file(log, &len);

	for (size_t at = 0; at < len - 8; at += 613) {
		data[at] ^= 0x10;
		write_file(log, data, len);
		refused_untouched(ERR_STORE_DAMAGED, "");
		data[at] ^= 0x10;
	}
	write_file(log, data, len);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_EQ(r.content.vms[VMS - 1].definition.revision, 2);
	rig_close(&r);
}

static char *records_of(const struct store_content *c)
{
	struct str s = { 0 };

	for (size_t i = 0; i < c->n_vms; i++) {
		autofree char *json = vm_record_format(&c->vms[i]);

		str_addf(&s, "%s\n", json);
	}
	return str_steal(&s);
}

/* Opened, it says what was committed, whatever byte was changed; or it is refused. */
static void flip(char *data, size_t len, size_t at, const char *want, bool *refused)
{
	autofree char *path = db_path();
	uv_loop_t loop;
	autofini(store_content) c = { 0 };
	autoptr(err) e = NULL;
	autofree char *dir = in_dir("s");

	data[at] ^= 0x04;
	write_file(path, data, len);
	data[at] ^= 0x04;
	autofree char *before = look_at("s");

	T_EQ(uv_loop_init(&loop), 0);
	struct store *s = store_open(&loop, dir, &c, &e);

	*refused = !s;
	if (s) {
		autofree char *records = records_of(&c);

		T_STR(records, want);
		store_close(s);
		uv_run(&loop, UV_RUN_DEFAULT);
	} else {
		autofree char *after = look_at("s");

		T_STR(after, before);
		T_OK(e->code == ERR_STORE_DAMAGED || e->code == ERR_STORE_NEWER);
	}
	T_EQ(uv_loop_close(&loop), 0);
}

static void a_flipped_byte_never_makes_another_record(void)
{
	size_t len, n_refused = 0;
	struct rig r;
	autofree char *path = db_path();
	bool refused;

	make_closed_store("s", VMS);
	rig_open(&r, "s");
	autofree char *want = records_of(&r.content);

	rig_close(&r);
	autofree char *data = read_file(path, &len);

	for (size_t at = 0; at < len; at += 131) {
		flip(data, len, at, want, &refused);
		n_refused += refused;
	}
	T_OK(n_refused > 20);

	/* Each of them within a record. */
	char *cpus = memmem(data, len, "\"cpus\":2", 8);

	T_OK(cpus != NULL);
	for (size_t i = 0; i < 200; i++) {
		flip(data, len, (size_t)(cpus - data) + i, want, &refused);
		T_OK(refused);
	}
}

static void a_log_is_read_before_the_database_is_believed(void)
{
	struct rig r;

	make_killed_store("s", VMS);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_EQ(r.content.last_seq, VMS);
	rig_close(&r);
}

static void damage_behind_a_log_leaves_the_log(void)
{
	autofree char *path = db_path();
	autofree char *log = in_dir("s/" STORE_DB "-wal");
	size_t len;

	make_closed_store("s", VMS);
	make_killed_store("s", 1);
	T_OK(file_exists(log));
	autofree char *data = read_file(path, &len);
	char *record = memmem(data, len, "vm-4", 4);

	T_OK(record != NULL);
	record[0] = 'w';
	write_file(path, data, len);
	unlink(log);
	refused_untouched(ERR_STORE_DAMAGED, "");

	/* In a page of the log the right one would hide that. */
	char pages[512] = "not a log";

	write_file(log, pages, sizeof(pages));
	refused_untouched(ERR_STORE_DAMAGED, "");
	T_OK(file_exists(log));
}

/* ---- upgrades ---- */

static int add_column(struct store_db *db, struct err **e)
{
	return store_db_exec(db, "ALTER TABLE audit ADD COLUMN more TEXT", e);
}

static int fail_late(struct store_db *db, struct err **e)
{
	if (store_db_exec(db, "DELETE FROM vms", e) < 0)
		return -1;
	return err_set(e, ERR_INTERNAL, "cannot upgrade that");
}

static int spoil_records(struct store_db *db, struct err **e)
{
	return store_db_exec(db, "UPDATE vms SET sum = 0", e);
}

static struct store_db *open_as(const struct store_versions *v, struct err **e)
{
	autofini(store_dir) d = STORE_DIR_NONE;
	autofini(store_snapshot) s = { 0 };
	autofini(store_files) files = { .dirfd = -1 };
	autofree char *path = in_dir("s");

	T_EQ(store_dir_open(&d, path, e), 0);
	return store_open_db(&d, v, &s, &files, e);
}

static struct store_versions with(int (*second)(struct store_db *, struct err **))
{
	static int (*list[2])(struct store_db *, struct err **);

	list[0] = store_versions.upgraders[0];
	list[1] = second;
	return (struct store_versions){ list, 2 };
}

static void an_older_database_is_copied_and_upgraded(void)
{
	struct store_versions v = with(add_column);
	autofree char *copy = in_dir("s/" STORE_DB ".before-v2");
	autofree char *path = db_path();
	autoptr(err) e = NULL;
	int64_t n;

	make_closed_store("s", VMS);
	struct store_db *db = open_as(&v, &e);

	T_OK(db != NULL);
	T_EQ(store_db_int(db, "SELECT count(more) + 1 FROM audit", &n, &e), 0);
	T_EQ(store_db_int(db, "PRAGMA user_version", &n, &e), 0);
	T_EQ(n, 2);
	store_db_free(db);
	refused_untouched(ERR_STORE_NEWER, "has version 2");

	/* The copy is the old one, complete. */
	T_EQ(rename(copy, path), 0);
	struct rig r;

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_EQ(r.content.last_seq, VMS);
	rig_close(&r);
}

static void an_upgrade_that_fails_changes_nothing(void)
{
	int (*const bad[])(struct store_db *, struct err **) = { fail_late,
								 spoil_records };
	struct rig r;

	make_closed_store("s", VMS);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct store_versions v = with(bad[i]);
		autoptr(err) e = NULL;

		T_OK(!open_as(&v, &e));
		rig_open(&r, "s");
		T_EQ(r.content.n_vms, VMS);
		rig_close(&r);
	}
}

static const struct t_case cases[] = {
	T_CASE(garbage_is_refused),
	T_CASE(garbage_with_a_log_is_refused),
	T_CASE(any_truncation_is_refused),
	T_CASE(a_truncation_with_a_log_is_refused),
	T_CASE(another_program_s_database_is_refused),
	T_CASE(a_newer_database_is_refused),
	T_CASE(a_newer_database_is_refused_by_its_log_too),
	T_CASE(a_rollback_journal_is_refused),
	T_CASE(a_missing_database_is_not_made_anew),
	T_CASE(a_database_of_another_epoch_is_refused),
	T_CASE(a_lost_commit_is_noticed),
	T_CASE(a_log_that_lost_its_end_is_noticed),
	T_CASE(a_flipped_byte_never_makes_another_record),
	T_CASE(a_log_is_read_before_the_database_is_believed),
	T_CASE(damage_behind_a_log_leaves_the_log),
	T_CASE(an_older_database_is_copied_and_upgraded),
	T_CASE(an_upgrade_that_fails_changes_nothing),
};

int main(void)
{
	return T_RUN(cases);
}
