/*
 * tests/unit/test_store_recover.c - a new database from files and living workers
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#define VMS 3

static char *recover(const struct vm_record *live, size_t n)
{
	autofree char *dir = in_dir("s");
	autoptr(err) e = NULL;
	char *report = NULL;

	if (store_recover(dir, live, n, &report, &e) < 0)
		t_fail(__FILE__, __LINE__, "store_recover: %s", e->message);
	return report;
}

static void spoil_database(void)
{
	autofree char *path = in_dir("s/vx.db");

	write_file(path, "spoilt", 6);
}

/* The first name in t_dir()/`where` that starts with `prefix`; NULL if none. */
static char *find_file(const char *where, const char *prefix)
{
	autofree char *path = in_dir("%s", where);
	DIR *dir = opendir(path);
	char *found = NULL;

	T_OK(dir != NULL);
	for (struct dirent *d; !found && (d = readdir(dir));)
		if (str_starts(d->d_name, prefix))
			found = mem_printf("%s/%s", path, d->d_name);
	closedir(dir);
	return found;
}

static struct vm_record living(unsigned int n, const char *name, uint64_t revision,
			       uint64_t instance)
{
	struct vm_record vm = test_vm(n, name, revision);

	vm.desired = DESIRED_STATE_RUNNING;
	vm.instance = mem_new(struct instance_record);
	vm.instance->number = instance;
	vm.instance->boot_id = mem_strdup(test_id(0xb007));
	vm.instance->keeper_pid = 1000 + n;
	vm.instance->keeper_start = 7;
	vm.instance->started_us = 1700000000000002;
	return vm;
}

static void a_damaged_database_is_put_aside_and_made_anew(void)
{
	struct rig r;

	make_closed_store("s", VMS);
	rig_open(&r, "s");
	autofree char *db_id = mem_strdup(r.content.identity.db_id);

	rig_close(&r);
	spoil_database();
	autofree char *report = recover(NULL, 0);

	for (unsigned int i = 1; i <= VMS; i++) {
		autofree char *line =
			mem_printf("recovered vm-%u (%s) from its definition file\n", i,
				   test_id(i));

		T_HAS(report, line);
	}
	T_HAS(report, "vx.db is not a database");
	T_HAS(report, "vx.db is kept as vx.db.damaged-");
	autofree char *aside = find_file("s", "vx.db.damaged-");
	autofree char *old = read_file(aside, NULL);

	T_STR(old, "spoilt");

	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_STR(r.content.identity.db_id, db_id);
	T_EQ(r.content.identity.db_epoch, 2);
	T_EQ(r.content.last_seq, 0);
	autofini(outcome) o = { 0 };

	rig_commit(&r, test_batch(9, "new", 1), &o);
	T_EQ(o.events[0].seq, 1);
	T_EQ(o.events[0].db_epoch, 2);
	rig_close(&r);
}

static void a_log_goes_aside_with_its_database(void)
{
	make_closed_store("s", VMS);
	make_killed_store("s", 1);
	spoil_database();
	autofree char *report = recover(NULL, 0);
	autofree char *aside = find_file("s", "vx.db.damaged-");
	size_t stem = strlen(t_dir()) + strlen("/s/vx.db.damaged-YYYYmmdd-HHMMSS");

	T_HAS(report, "vx.db-wal is kept as vx.db.damaged-");
	autofree char *log = mem_printf("%.*s-wal", (int)stem, aside);

	T_OK(file_exists(log));
}

static void recovery_may_be_repeated(void)
{
	struct rig r;

	make_closed_store("s", VMS);
	for (uint64_t epoch = 2; epoch <= 4; epoch++) {
		spoil_database();
		autofree char *report = recover(NULL, 0);

		T_HAS(report, "3 virtual machines recovered");
		rig_open(&r, "s");
		T_EQ(r.content.n_vms, VMS);
		T_EQ(r.content.identity.db_epoch, epoch);
		rig_close(&r);
	}
}

static void a_missing_database_is_made_anew(void)
{
	struct rig r;
	autofree char *path = in_dir("s/vx.db");

	make_closed_store("s", VMS);
	unlink(path);
	autofree char *report = recover(NULL, 0);

	T_HAS(report, "vx.db is missing");
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_EQ(r.content.identity.db_epoch, 2);
	rig_close(&r);
}

static void without_identity_it_is_another_database(void)
{
	struct rig r;
	autofree char *file = in_dir("s/identity.json");

	make_closed_store("s", VMS);
	rig_open(&r, "s");
	autofree char *db_id = mem_strdup(r.content.identity.db_id);

	rig_close(&r);
	spoil_database();
	unlink(file);
	autofree char *report = recover(NULL, 0);

	T_HAS(report, "identity.json is missing");
	rig_open(&r, "s");
	T_OK(!str_eq(r.content.identity.db_id, db_id));
	T_EQ(r.content.identity.db_epoch, 1);
	rig_close(&r);

	spoil_database();
	write_file(file, "{}", 2);
	autofree char *again = recover(NULL, 0);
	autofree char *aside = find_file("s", "identity.json.damaged-");

	T_HAS(again, "not usable: identity.json");
	T_OK(aside != NULL);
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	rig_close(&r);
}

static void files_that_cannot_be_read_are_named_and_kept(void)
{
	struct rig r;
	autofree char *one = in_dir("s/definitions/%s.json", test_id(1));
	autofree char *two = in_dir("s/definitions/%s.json", test_id(2));
	autofree char *odd = in_dir("s/definitions/odd.json");
	autofree char *aside = mem_printf("%s.json.damaged-", test_id(1));

	make_closed_store("s", VMS);
	spoil_database();
	autofree char *other = read_file(two, NULL);

	write_file(one, "{\"definition\":", 14);
	unlink(two);
	T_EQ(mkdir(two, 0700), 0);
	write_file(odd, other, strlen(other));
	autofree char *report = recover(NULL, 0);

	T_HAS(report, test_id(1));
	T_HAS(report, "not usable: definitions/odd.json: its name");
	T_HAS(report, "1 virtual machines recovered");
	autofree char *kept = find_file("s/definitions", aside);
	autofree char *text = read_file(kept, NULL);

	T_STR(text, "{\"definition\":");
	T_OK(!file_exists(one));
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, 1);
	rig_close(&r);
}

static void living_workers_win_on_instances_and_the_higher_revision_on_definitions(void)
{
	struct rig r;
	struct vm_record live[] = {
		living(1, "vm-1", 1, 5),    /* as the file has it */
		living(2, "renamed", 4, 6), /* later than the file */
		living(7, "alone", 2, 1),   /* without a file */
	};

	make_closed_store("s", VMS);
	rig_open(&r, "s");
	rig_commit_ok(&r, test_batch(1, "vm-1", 3));
	rig_close(&r);
	spoil_database();
	autofree char *report = recover(live, COUNT(live));

	T_HAS(report, "recovered vm-1");
	T_HAS(report, "definition file and its living worker");
	T_HAS(report, "recovered renamed");
	T_HAS(report, "which knew a later revision");
	T_HAS(report, "recovered alone");
	T_HAS(report, "from its living worker\n");
	T_HAS(report, "4 virtual machines recovered");

	/* Once from the database, once from the files that it wrote. */
	for (int i = 0; i < 2; i++) {
		rig_open(&r, "s");
		T_EQ(r.content.n_vms, 4);
		const struct vm_record *vm = rig_vm(&r, test_id(1));

		T_EQ(vm->definition.revision, 3);
		T_EQ(vm->instance->number, 5);
		T_EQ(vm->instance->keeper_pid, 1001);
		T_EQ(vm->desired, DESIRED_STATE_STOPPED);
		vm = rig_vm(&r, test_id(2));
		T_STR(vm->definition.name, "renamed");
		T_EQ(vm->instance->number, 6);
		vm = rig_vm(&r, test_id(7));
		T_EQ(vm->desired, DESIRED_STATE_RUNNING);
		T_OK(!rig_vm(&r, test_id(3))->instance);
		rig_close(&r);
		if (i == 0) {
			spoil_database();
			free(recover(NULL, 0));
		}
	}
	for (size_t i = 0; i < COUNT(live); i++)
		vm_record_fini(&live[i]);
}

static void of_two_with_one_name_the_living_keeps_it(void)
{
	struct rig r;
	struct vm_record live[] = { living(8, "vm-2", 1, 1) };

	make_closed_store("s", VMS);
	spoil_database();
	autofree char *report = recover(live, 1);
	autofree char *prefix = mem_printf("%s.json.damaged-", test_id(2));
	autofree char *kept = find_file("s/definitions", prefix);

	T_OK(kept != NULL);
	T_HAS(report, "has that name");
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	T_OK(rig_vm(&r, test_id(8)) && !rig_vm(&r, test_id(2)));
	rig_close(&r);
	vm_record_fini(&live[0]);
}

static void not_recovered(enum err_code code, const char *part)
{
	autofree char *dir = in_dir("s");
	autofree char *before = look_at("s");
	autoptr(err) e = NULL;
	char *report = NULL;

	T_EQ(store_recover(dir, NULL, 0, &report, &e), -1);
	autofree char *after = look_at("s");

	T_EQ(e->code, code);
	T_HAS(e->message, part);
	T_STR(after, before);
	T_OK(!report);
}

static void a_sound_database_is_not_thrown_away(void)
{
	make_killed_store("s", VMS);
	not_recovered(ERR_CONFLICT, "is sound");
}

static void a_newer_database_is_put_aside_like_a_damaged_one(void)
{
	struct rig r;
	size_t len;
	autofree char *path = in_dir("s/vx.db");

	make_closed_store("s", VMS);
	autofree char *data = read_file(path, &len);

	data[63] = 99; /* user_version */
	write_file(path, data, len);
	autofree char *report = recover(NULL, 0);

	T_HAS(report, "has version 99");
	rig_open(&r, "s");
	T_EQ(r.content.n_vms, VMS);
	rig_close(&r);
}

static void nothing_is_recovered_under_a_vxd(void)
{
	struct rig r;

	rig_open(&r, "s");
	not_recovered(ERR_CONFLICT, "is in use");
	rig_close(&r);
}

static void without_a_directory_there_is_nothing_to_recover(void)
{
	autofree char *dir = in_dir("none");
	autoptr(err) e = NULL;
	char *report = NULL;

	T_EQ(store_recover(dir, NULL, 0, &report, &e), -1);
	T_EQ(e->code, ERR_NOT_FOUND);
}

static const struct t_case cases[] = {
	T_CASE(a_damaged_database_is_put_aside_and_made_anew),
	T_CASE(a_log_goes_aside_with_its_database),
	T_CASE(recovery_may_be_repeated),
	T_CASE(a_missing_database_is_made_anew),
	T_CASE(without_identity_it_is_another_database),
	T_CASE(files_that_cannot_be_read_are_named_and_kept),
	T_CASE(living_workers_win_on_instances_and_the_higher_revision_on_definitions),
	T_CASE(of_two_with_one_name_the_living_keeps_it),
	T_CASE(a_sound_database_is_not_thrown_away),
	T_CASE(a_newer_database_is_put_aside_like_a_damaged_one),
	T_CASE(nothing_is_recovered_under_a_vxd),
	T_CASE(without_a_directory_there_is_nothing_to_recover),
};

int main(void)
{
	return T_RUN(cases);
}
