/*
 * tests/unit/test_vm_set.c - the VMs by name and by id, against a list that is searched
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/vm.h"

#define PROJECTS 3
#define NAMES 40
#define MODEL_MAX (PROJECTS * NAMES)

/* The naive side: what is there, in no order. */
struct model {
	struct {
		char project[8], name[16], id[40];
		struct managed_vm *vm;
	} entries[MODEL_MAX];
	size_t n;
	unsigned int serial; /* of ids: never the same twice */
};

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

static struct managed_vm *add(struct vm_set *set, const char *project, const char *name,
			      const char *id)
{
	/* Borrowed texts: the set copies them. */
	const struct vm_record rec = {
		.definition = { .project = (char *)(uintptr_t)project,
				.name = (char *)(uintptr_t)name,
				.id = (char *)(uintptr_t)id,
				.cpus = 1 },
	};

	return vm_set_add(set, &rec);
}

static size_t model_find(const struct model *m, const char *project, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->entries[i].project, project) == 0 &&
		    strcmp(m->entries[i].name, name) == 0)
			return i;
	return m->n;
}

/* One VM more, or one less when it is there already. */
static void random_step(struct vm_set *set, struct model *m, uint64_t *seed)
{
	char project[8] = "", name[16] = "";
	size_t at;

	snprintf(project, sizeof(project), "p%u",
		 (unsigned)(next_random(seed) % PROJECTS));
	snprintf(name, sizeof(name), "vm%u", (unsigned)(next_random(seed) % NAMES));
	at = model_find(m, project, name);
	if (at < m->n) {
		vm_set_remove(set, m->entries[at].vm);
		m->entries[at] = m->entries[--m->n];
		return;
	}
	/* In no order, as those of a rebuilt database may come. */
	snprintf(m->entries[at].id, sizeof(m->entries[at].id),
		 "%08x-0000-7000-8000-%012x", (unsigned)next_random(seed), m->serial++);
	memcpy(m->entries[at].project, project, sizeof(project));
	memcpy(m->entries[at].name, name, sizeof(name));
	m->entries[at].vm = add(set, project, name, m->entries[at].id);
	m->n++;
}

static void compare(const struct vm_set *set, const struct model *m)
{
	T_EQ(set->n, m->n);
	for (size_t i = 0; i < m->n; i++) {
		struct managed_vm *vm = m->entries[i].vm;

		T_OK(vm_by_id(set, m->entries[i].id) == vm);
		T_OK(vm_by_name(set, m->entries[i].project, m->entries[i].name) == vm);
		T_STR(vm_id(vm), m->entries[i].id);
		T_STR(vm_name(vm), m->entries[i].name);
	}
	for (unsigned int p = 0; p < PROJECTS; p++)
		for (unsigned int k = 0; k < NAMES; k++) {
			char project[8], name[16];

			snprintf(project, sizeof(project), "p%u", p);
			snprintf(name, sizeof(name), "vm%u", k);
			T_EQ(vm_by_name(set, project, name) != NULL,
			     model_find(m, project, name) < m->n);
		}
}

static void it_agrees_with_a_list_after_every_step(void)
{
	struct vm_set set = { 0 };
	struct model m = { 0 };
	uint64_t seed = 42;

	for (int i = 0; i < 1500; i++) {
		random_step(&set, &m, &seed);
		if (i % 10 == 0)
			compare(&set, &m);
	}
	compare(&set, &m);
	T_OK(m.n > 20);
	vm_set_fini(&set);
	T_EQ(set.n, 0);
}

static void renaming_keeps_the_order_and_can_be_taken_back(void)
{
	static const char *const names[] = { "a", "c", "e", "g" };
	struct vm_set set = { 0 };

	for (size_t i = 0; i < COUNT(names); i++) {
		autofini(vm_record) rec = { 0 };

		rec.definition.id = mem_printf("id-%zu", i);
		rec.definition.project = mem_strdup("p");
		rec.definition.name = mem_strdup(names[i]);
		vm_set_add(&set, &rec);
	}
	/* To the front, within, to its own place, to the end; and back each time. */
	for (const char *to = "0b_z"; *to; to++) {
		struct managed_vm *vm = vm_by_name(&set, "p", "c");
		autofini(vm_definition) d = { 0 };

		vm_definition_copy(&vm->rec.definition, &d);
		d.name[0] = *to == '_' ? 'c' : *to;
		for (int turn = 0; turn < 2; turn++) {
			vm_set_swap(&set, vm, &d);
			T_EQ(set.n, COUNT(names));
			T_OK(vm_by_name(&set, "p", vm_name(vm)) == vm);
			T_OK(vm_by_id(&set, "id-1") == vm);
			for (size_t i = 1; i < set.n; i++)
				T_OK(strcmp(vm_name(set.by_name[i - 1]),
					    vm_name(set.by_name[i])) < 0);
		}
		T_STR(vm_name(vm), "c");
	}
	vm_set_fini(&set);
}

static void both_orders_are_kept(void)
{
	struct vm_set set = { 0 };
	struct model m = { 0 };
	uint64_t seed = 7;

	for (int i = 0; i < 500; i++)
		random_step(&set, &m, &seed);
	for (size_t i = 1; i < set.n; i++) {
		const struct vm_definition *a = &set.by_name[i - 1]->rec.definition;
		const struct vm_definition *b = &set.by_name[i]->rec.definition;
		int c = strcmp(a->project, b->project);

		T_OK(c < 0 || (c == 0 && strcmp(a->name, b->name) < 0));
		T_OK(strcmp(vm_id(set.by_id[i - 1]), vm_id(set.by_id[i])) < 0);
	}
	vm_set_fini(&set);
}

/* Pages of `limit`, as vm.list makes them: from behind the last name of the page before. */
static size_t page_through(const struct vm_set *set, const char *project, size_t limit)
{
	const char *after = "";
	size_t total = 0;

	for (;;) {
		size_t at = vm_set_behind(set, project, after), n = 0;

		for (; n < limit && at < set->n; n++, at++) {
			const struct managed_vm *vm = set->by_name[at];

			if (strcmp(vm->rec.definition.project, project) != 0)
				break;
			T_OK(strcmp(vm_name(vm), after) > 0);
			after = vm_name(vm);
		}
		total += n;
		if (n < limit)
			return total;
	}
}

static void pages_show_every_vm_once(void)
{
	struct vm_set set = { 0 };
	struct model m = { 0 };
	uint64_t seed = 99;

	for (int i = 0; i < 300; i++)
		random_step(&set, &m, &seed);
	for (unsigned int p = 0; p <= PROJECTS; p++) {
		char project[8];
		size_t wanted = 0;

		snprintf(project, sizeof(project), "p%u", p);
		for (size_t i = 0; i < m.n; i++)
			wanted += strcmp(m.entries[i].project, project) == 0;
		for (size_t limit = 1; limit < 50; limit += 3)
			T_EQ(page_through(&set, project, limit), wanted);
	}
	vm_set_fini(&set);
}

static void a_page_goes_on_behind_a_name_that_is_gone(void)
{
	struct vm_set set = { 0 };

	add(&set, "p", "a", "1");
	add(&set, "p", "c", "2");
	add(&set, "q", "a", "3");
	T_EQ(vm_set_behind(&set, "p", ""), 0);
	T_EQ(vm_set_behind(&set, "p", "a"), 1);
	T_EQ(vm_set_behind(&set, "p", "b"), 1);
	T_EQ(vm_set_behind(&set, "p", "c"), 2);
	T_EQ(vm_set_behind(&set, "p", "z"), 2);
	T_EQ(vm_set_behind(&set, "o", "z"), 0);
	T_EQ(vm_set_behind(&set, "q", "a"), 3);
	vm_set_fini(&set);
}

static void an_empty_set_has_nothing(void)
{
	struct vm_set set = { 0 };

	T_OK(!vm_by_id(&set, "1"));
	T_OK(!vm_by_name(&set, "p", "a"));
	T_EQ(vm_set_behind(&set, "p", "a"), 0);
	vm_set_fini(&set);
	vm_set_fini(&set);
}

static void a_vm_is_found_by_name_or_id_in_its_project_alone(void)
{
	struct vm_set set = { 0 };
	struct managed_vm *a = add(&set, "p", "a", "id-1"),
			  *b = add(&set, "q", "b", "id-2");
	autoptr(err) e = NULL;

	T_OK(vm_find(&set, "p", "a", &e) == a);
	T_OK(vm_find(&set, "p", "id-1", &e) == a);
	T_OK(vm_find(&set, "q", "id-2", &e) == b);
	T_OK(!e);
	T_OK(!vm_find(&set, "p", "id-2", &e));
	T_EQ(e->code, ERR_NOT_FOUND);
	T_STR(e->message, "there is no VM \"id-2\" in project \"p\"");
	T_STR(e->object, "id-2");
	T_OK(!vm_find(&set, "p", "b", NULL));
	T_OK(!vm_find(&set, "none", "a", NULL));
	vm_set_fini(&set);
}

static void a_name_goes_before_an_id_that_looks_like_it(void)
{
	struct vm_set set = { 0 };
	struct managed_vm *named;

	add(&set, "p", "a", "id-1");
	named = add(&set, "p", "id-1", "id-2");
	T_OK(vm_find(&set, "p", "id-1", NULL) == named);
	vm_set_fini(&set);
}

static void a_vm_without_a_worker_rests_in_what_its_record_says(void)
{
	struct vm_end end = { .reason = END_REASON_NONE };
	struct instance_record instance = { .number = 1 };
	struct vm_record rec = { 0 };

	T_EQ(vm_resting_state(&rec), VM_STATE_STOPPED);
	rec.instance = &instance;
	T_EQ(vm_resting_state(&rec), VM_STATE_UNKNOWN);
	instance.end = &end;
	end.reason = END_REASON_GUEST_POWEROFF;
	T_EQ(vm_resting_state(&rec), VM_STATE_STOPPED);
	end.reason = END_REASON_KILL;
	T_EQ(vm_resting_state(&rec), VM_STATE_STOPPED);
	end.reason = END_REASON_CRASH;
	T_EQ(vm_resting_state(&rec), VM_STATE_FAILED);
	end.reason = END_REASON_HOST_BOOT;
	T_EQ(vm_resting_state(&rec), VM_STATE_FAILED);
}

/* A VM with all that can be told of it. */
static struct managed_vm *full_vm(struct vm_set *set)
{
	static char kernel[] = "/k", key[] = "k", value[] = "v", boot[] = "b",
		    id[] = "id-1";
	static char name[] = "a", project[] = "p", detail[] = "why";
	static struct kv labels[] = { { key, value } };
	static struct vm_end end = { .reason = END_REASON_CRASH, .detail = detail };
	static struct instance_record instance = {
		.number = 7, .boot_id = boot, .keeper_pid = 1234, .end = &end
	};
	const struct vm_record rec = { .definition = { .id = id,
						       .project = project,
						       .name = name,
						       .labels = labels,
						       .n_labels = 1,
						       .cpus = 2,
						       .memory = 4096,
						       .boot = { .kernel = kernel } },
				       .desired = DESIRED_STATE_RUNNING,
				       .instance = &instance };

	return vm_set_add(set, &rec);
}

static void a_description_has_all_and_owns_it(void)
{
	struct vm_set set = { 0 };
	struct managed_vm *vm = full_vm(&set);
	autofini(vm) out = { 0 };
	uint64_t since = vm->since_us;

	T_EQ(vm->state, VM_STATE_FAILED);
	vm_describe(vm, &out);
	vm_set_fini(&set);
	T_STR(out.definition.name, "a");
	T_STR(out.definition.labels[0].value, "v");
	T_STR(out.definition.boot.kernel, "/k");
	T_EQ(out.state, VM_STATE_FAILED);
	T_EQ(out.desired, DESIRED_STATE_RUNNING);
	T_EQ(out.instance, 7);
	T_EQ(out.since_us, since);
	T_EQ(out.end->reason, END_REASON_CRASH);
	T_STR(out.end->detail, "why");
	T_OK(!out.has_pid); /* its keeper is gone */
}

static void a_living_vm_shows_its_keeper(void)
{
	struct vm_set set = { 0 };
	struct managed_vm *vm = full_vm(&set);
	autofini(vm) out = { 0 };

	vm->state = VM_STATE_RUNNING;
	vm_describe(vm, &out);
	T_OK(out.has_pid && out.pid == 1234);
	vm_set_fini(&set);
}

static void a_summary_has_its_line_and_owns_it(void)
{
	struct vm_set set = { 0 };
	struct managed_vm *vm = full_vm(&set);
	autofini(vm_summary) out = { 0 };

	vm_summarize(vm, &out);
	vm_set_fini(&set);
	T_STR(out.id, "id-1");
	T_STR(out.project, "p");
	T_STR(out.name, "a");
	T_EQ(out.n_labels, 1);
	T_STR(out.labels[0].key, "k");
	T_EQ(out.state, VM_STATE_FAILED);
	T_EQ(out.reason, END_REASON_CRASH);
	T_EQ(out.cpus, 2);
	T_EQ(out.memory, 4096);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(it_agrees_with_a_list_after_every_step),
		T_CASE(renaming_keeps_the_order_and_can_be_taken_back),
		T_CASE(both_orders_are_kept),
		T_CASE(pages_show_every_vm_once),
		T_CASE(a_page_goes_on_behind_a_name_that_is_gone),
		T_CASE(an_empty_set_has_nothing),
		T_CASE(a_vm_is_found_by_name_or_id_in_its_project_alone),
		T_CASE(a_name_goes_before_an_id_that_looks_like_it),
		T_CASE(a_vm_without_a_worker_rests_in_what_its_record_says),
		T_CASE(a_description_has_all_and_owns_it),
		T_CASE(a_living_vm_shows_its_keeper),
		T_CASE(a_summary_has_its_line_and_owns_it),
	};

	return T_RUN(cases);
}
