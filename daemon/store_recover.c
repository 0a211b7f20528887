/*
 * daemon/store_recover.c - a new database from what is left
 *
 * What is left are the definition files and the workers that live. The old database
 * is not looked into: it is kept, as everything is that could not be used.
 *
 *   vx.db.new, complete -> old files aside -> identity.json, epoch + 1
 *   -> definition files -> vx.db
 *
 * After a crash in the middle vx.db is missing and other files are there, which
 * store_open() refuses: recovery is run again. vx.db never appears before its epoch
 * is in identity.json, so that no epoch is used twice.
 *
 * Not here: asking the workers (the caller does).
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/store_internal.h"

struct found {
	struct vm_record vm;
	char *file; /* owned; NULL: only a living worker tells of it */
	bool live, live_definition;
	bool dropped; /* another one has its name */
};

struct unusable {
	int dirfd;	   /* borrowed */
	const char *below; /* "" or "definitions/" */
	char *name;	   /* owned */
	char *why;	   /* owned */
};

struct recovery {
	struct store_dir dir;
	struct database_identity identity;
	struct found *found; /* owned */
	size_t n_found;
	struct unusable *unusable; /* owned */
	size_t n_unusable;
	struct str report;
	char stamp[STORE_STAMP];
};

static void recovery_fini(struct recovery *r)
{
	for (size_t i = 0; i < r->n_found; i++) {
		vm_record_fini(&r->found[i].vm);
		free(r->found[i].file);
	}
	free(r->found);
	for (size_t i = 0; i < r->n_unusable; i++) {
		free(r->unusable[i].name);
		free(r->unusable[i].why);
	}
	free(r->unusable);
	database_identity_fini(&r->identity);
	str_fini(&r->report);
	store_dir_fini(&r->dir);
}
AUTOFINI(recovery, recovery_fini);

static void not_usable(struct recovery *r, int dirfd, const char *below,
		       const char *name, const char *why)
{
	r->unusable = mem_grow(r->unusable, r->n_unusable + 1, sizeof(*r->unusable));
	r->unusable[r->n_unusable++] = (struct unusable){
		.dirfd = dirfd,
		.below = below,
		.name = mem_strdup(name),
		.why = mem_strdup(why),
	};
}

/* 0: it is to be replaced, for the reason in the report. */
static int check_old(struct recovery *r, struct err **e)
{
	autofini(store_snapshot) s = { 0 };
	autofini(store_files) files = { .dirfd = -1 };
	autoptr(err) why = NULL;
	uint64_t version;

	if (!store_dir_has(&r->dir, STORE_DB)) {
		str_addf(&r->report, "%s/%s is missing\n", r->dir.path, STORE_DB);
		return 0;
	}
	if (store_check_dir(&r->dir, &store_versions, &version, &s, &files, &why) ==
	    0) {
		err_set(e, ERR_CONFLICT, "%s/%s is sound: there is nothing to recover",
			r->dir.path, STORE_DB);
		return err_hint(e, "to start anew, move the directory away");
	}
	if (why->code == ERR_STORE_DAMAGED || why->code == ERR_STORE_NEWER) {
		str_addf(&r->report, "%s\n", why->message);
		return 0;
	}
	if (e)
		*e = steal(why);
	return -1;
}

static int next_identity(struct recovery *r, struct err **e)
{
	autoptr(err) why = NULL;

	if (store_identity_read(&r->dir, &r->identity, &why) == 0) {
		r->identity.db_epoch++;
		return 0;
	}
	if (why->code == ERR_PERMISSION_DENIED) {
		if (e)
			*e = steal(why);
		return -1;
	}
	if (why->code == ERR_NOT_FOUND)
		str_addf(&r->report, "%s is missing: the new database has a new id\n",
			 STORE_IDENTITY);
	else
		not_usable(r, r->dir.fd, "", STORE_IDENTITY, why->message);

	char id[UUID_TEXT];

	uuid_v7(id);
	r->identity = (struct database_identity){ mem_strdup(id), 1 };
	return 0;
}

/* Consumes the content of `vm`. */
static struct found *add_found(struct recovery *r, struct vm_record *vm,
			       const char *file)
{
	r->found = mem_grow(r->found, r->n_found + 1, sizeof(*r->found));
	r->found[r->n_found] = (struct found){ .vm = *vm, .file = mem_strdup(file) };
	*vm = (struct vm_record){ 0 };
	return &r->found[r->n_found++];
}

static void read_definitions(struct recovery *r)
{
	size_t n;
	char **names = store_files_list(&r->dir, &n), id[UUID_TEXT];

	for (size_t i = 0; i < n; i++) {
		autofini(vm_record) vm = { 0 };
		autoptr(err) why = NULL;

		if (!store_files_is_definition(names[i], id))
			err_set(&why, ERR_INVALID_PARAMS,
				"its name is not that of a VM");
		else if (store_files_read(r->dir.definitions, names[i], &vm, &why) ==
			 0) {
			add_found(r, &vm, names[i]);
			continue;
		}
		not_usable(r, r->dir.definitions, STORE_DEFINITIONS "/", names[i],
			   why->message);
	}
	store_files_list_free(names, n);
}

static struct found *find(const struct recovery *r, const char *id)
{
	for (size_t i = 0; i < r->n_found; i++)
		if (str_eq(r->found[i].vm.definition.id, id))
			return &r->found[i];
	return NULL;
}

static void merge_live(struct found *f, const struct vm_record *live)
{
	f->live = true;
	if (live->definition.revision > f->vm.definition.revision) {
		vm_definition_fini(&f->vm.definition);
		vm_definition_copy(&live->definition, &f->vm.definition);
		f->live_definition = true;
	}
	if (!live->instance)
		return;
	if (f->vm.instance)
		instance_record_fini(f->vm.instance);
	else
		f->vm.instance = mem_new(struct instance_record);
	instance_record_copy(live->instance, f->vm.instance);
}

static void add_live(struct recovery *r, const struct vm_record *live)
{
	autofini(vm_record) vm = { 0 };
	autofree char *json = vm_record_format(live);
	autoptr(err) why = NULL;

	/* What vxd could not read again would damage the new database. */
	if (vm_record_parse(json, strlen(json), DECODE_LENIENT, &vm, &why) < 0) {
		str_addf(&r->report, "not recovered: what a living worker says: %s\n",
			 why->message);
		return;
	}

	struct found *f = find(r, vm.definition.id);

	if (f) {
		merge_live(f, &vm);
		return;
	}
	f = add_found(r, &vm, NULL);
	f->live = f->live_definition = true;
}

/* Which of two VMs of one name keeps it: the living, else the one changed last. */
static bool keeps_name(const struct found *a, const struct found *b)
{
	if (a->live != b->live)
		return a->live;
	return a->vm.definition.updated_us > b->vm.definition.updated_us;
}

static void drop(struct recovery *r, struct found *f, const struct found *winner)
{
	const struct vm_definition *d = &f->vm.definition;
	autofree char *why = mem_printf("VM %s (%s): VM %s has that name", d->name,
					d->id, winner->vm.definition.id);

	f->dropped = true;
	if (f->file)
		not_usable(r, r->dir.definitions, STORE_DEFINITIONS "/", f->file, why);
	else
		str_addf(&r->report, "not recovered: living %s\n", why);
}

static void resolve_names(struct recovery *r)
{
	for (size_t i = 0; i < r->n_found; i++)
		for (size_t j = i + 1; j < r->n_found && !r->found[i].dropped; j++) {
			struct found *a = &r->found[i], *b = &r->found[j];

			if (b->dropped ||
			    !str_eq(a->vm.definition.name, b->vm.definition.name) ||
			    !str_eq(a->vm.definition.project, b->vm.definition.project))
				continue;
			if (keeps_name(a, b))
				drop(r, b, a);
			else
				drop(r, a, b);
		}
}

/* The records that go into the new database, borrowed from r->found. */
static struct vm_record *chosen(const struct recovery *r, size_t *out_n)
{
	struct vm_record *vms = mem_array(r->n_found + 1, sizeof(*vms));
	size_t n = 0;

	for (size_t i = 0; i < r->n_found; i++)
		if (!r->found[i].dropped)
			vms[n++] = r->found[i].vm;
	*out_n = n;
	return vms;
}

/* No two old databases get the same stamp. */
static void choose_stamp(struct recovery *r)
{
	for (;;) {
		store_stamp(r->stamp);
		autofree char *name = mem_printf("%s.damaged-%s", STORE_DB, r->stamp);

		if (!store_dir_has(&r->dir, name))
			return;
		usleep(200000);
	}
}

static int put_database_aside(struct recovery *r, struct err **e)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

	choose_stamp(r);
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		autofree char *name = mem_printf("%s%s", STORE_DB, suffixes[i]);
		autofree char *as = NULL;

		if (!store_dir_has(&r->dir, name))
			continue;
		int rc = store_put_aside(r->dir.fd, STORE_DB, r->stamp, suffixes[i],
					 &as);

		if (rc < 0)
			return err_sys(e, rc, "rename %s/%s", r->dir.path, name);
		str_addf(&r->report, "%s is kept as %s\n", name, as);
	}
	return 0;
}

static void put_unusable_aside(struct recovery *r)
{
	for (size_t i = 0; i < r->n_unusable; i++) {
		struct unusable *u = &r->unusable[i];
		autofree char *as = NULL;
		int rc = store_put_aside(u->dirfd, u->name, r->stamp, "", &as);

		str_addf(&r->report, "not usable: %s%s: %s; ", u->below, u->name,
			 u->why);
		if (rc < 0)
			str_addf(&r->report, "left there (%s)\n", strerror(-rc));
		else
			str_addf(&r->report, "kept as %s\n", as);
	}
}

static int write_definitions(struct recovery *r, const struct vm_record *vms, size_t n,
			     struct err **e)
{
	autofini(store_files) files = { .dirfd = -1 };

	if (store_dir_make_definitions(&r->dir, e) < 0)
		return -1;
	files.dirfd = r->dir.definitions;
	for (size_t i = 0; i < n; i++)
		store_files_add(&files, vms[i].definition.id,
				vm_record_format(&vms[i]));
	store_files_flush(&files);
	if (files.n_todo)
		str_addf(&r->report, "%zu definition files could not be written\n",
			 files.n_todo);
	return 0;
}

static void report_found(struct recovery *r, size_t n)
{
	for (size_t i = 0; i < r->n_found; i++) {
		const struct found *f = &r->found[i];
		const struct vm_definition *d = &f->vm.definition;

		if (f->dropped)
			continue;
		str_addf(&r->report, "recovered %s (%s) from its %s\n", d->name, d->id,
			 !f->file ? "living worker"
			 : f->live_definition
				 ? "living worker, which knew a later revision"
			 : f->live ? "definition file and its living worker"
				   : "definition file");
	}
	str_addf(&r->report,
		 "%zu virtual machines recovered; the database is %s, epoch %llu, and "
		 "its"
		 " events start anew\n",
		 n, r->identity.db_id, (unsigned long long)r->identity.db_epoch);
}

static int rebuild(struct recovery *r, struct err **e)
{
	size_t n;
	autofree struct vm_record *vms = chosen(r, &n);

	if (store_schema_create(&r->dir, &r->identity, vms, n, e) < 0 ||
	    put_database_aside(r, e) < 0)
		return -1;
	put_unusable_aside(r);
	if (store_identity_write(&r->dir, &r->identity, e) < 0 ||
	    write_definitions(r, vms, n, e) < 0 || store_dir_install_db(&r->dir, e) < 0)
		return -1;
	report_found(r, n);
	return 0;
}

int store_recover(const char *dir, const struct vm_record *live, size_t n_live,
		  char **out_report, struct err **e)
{
	autofini(recovery) r = { .dir = STORE_DIR_NONE };

	if (store_dir_open_existing(&r.dir, dir, e) < 0 || check_old(&r, e) < 0 ||
	    next_identity(&r, e) < 0)
		return -1;
	read_definitions(&r);
	for (size_t i = 0; i < n_live; i++)
		add_live(&r, &live[i]);
	resolve_names(&r);
	if (rebuild(&r, e) < 0)
		return err_wrap(e, "recover %s", dir);
	*out_report = str_steal(&r.report);
	return 0;
}
