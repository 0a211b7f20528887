/*
 * cli/vm_text.c - VMs and what happens to them, as text for people
 */
#include "cli/vm_text.h"

#include <inttypes.h>

#include "base/mem.h"
#include "cli/format.h"
#include "cli/table.h"

static void add_row(struct table *t, const struct vm_summary *vm, uint64_t now_us)
{
	autofini(str) cell = { 0 };
	bool ended = vm->reason != END_REASON_NONE;

	table_add(t, vm->name);
	table_add(t, vm_state_name(vm->state));
	table_add(t, ended ? end_reason_name(vm->reason) : "-");
	str_addf(&cell, "%" PRIu64, vm->cpus);
	table_add_str(t, &cell);
	size_format(vm->memory, &cell);
	table_add_str(t, &cell);
	age_format(vm->since_us, now_us, &cell);
	table_add_str(t, &cell);
}

void vm_list_text(const struct vm_summary *vms, size_t n, uint64_t now_us,
		  struct str *out)
{
	static const char *const head[] = { "NAME", "STATE",  "REASON",
					    "CPUS", "MEMORY", "SINCE" };
	autofini(table) t = { .columns = COUNT(head) };

	for (size_t i = 0; i < COUNT(head); i++)
		table_add(&t, head[i]);
	for (size_t i = 0; i < n; i++)
		add_row(&t, &vms[i], now_us);
	table_format(&t, out);
}

static void add_line(struct str *out, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(out, "%s: ", key);
	text_format(value, out);
	str_add_char(out, '\n');
}

static void add_time(struct str *out, const char *key, uint64_t us, uint64_t now_us)
{
	str_addf(out, "%s: ", key);
	time_format(us, out);
	str_add(out, " (");
	age_format(us, now_us, out);
	str_add(out, " ago)\n");
}

static void add_boot(struct str *out, const struct boot *b)
{
	add_line(out, "kernel", b->kernel);
	add_line(out, "initrd", b->initrd);
	for (size_t i = 0; i < b->n_modules; i++)
		add_line(out, "module", b->modules[i]);
	add_line(out, "cmdline", b->cmdline);
	add_line(out, "protocol", boot_protocol_name(b->protocol));
}

static void add_definition(struct str *out, const struct vm_definition *d)
{
	add_line(out, "machine", machine_version_name(d->machine));
	str_addf(out, "cpus: %" PRIu64 "\nmemory: ", d->cpus);
	size_format(d->memory, out);
	str_add_char(out, '\n');
	add_boot(out, &d->boot);
	add_line(out, "on-reboot", on_reboot_name(d->on_reboot));
	add_line(out, "restart", restart_policy_name(d->restart));
	add_line(out, "autostart", d->autostart ? "yes" : "no");
	add_line(out, "debug-exit", d->debug_exit ? "yes" : "no");
	add_line(out, "protect", d->protect ? "yes" : "no");
	add_line(out, "ephemeral", d->ephemeral ? "yes" : "no");
	for (size_t i = 0; i < d->n_labels; i++)
		str_addf(out, "label: %s=%s\n", d->labels[i].key, d->labels[i].value);
}

static void add_end(struct str *out, const struct vm_end *end, uint64_t now_us)
{
	add_line(out, "end", end_reason_name(end->reason));
	add_time(out, "ended", end->time_us, now_us);
	if (end->reason == END_REASON_DEBUG_EXIT)
		str_addf(out, "status: %" PRIu64 "\n", end->status);
	add_line(out, "detail", end->detail);
	if (!end->last_words || !end->last_words[0])
		return;
	str_add(out, "last words:\n");
	lines_format(end->last_words, "    ", out);
}

void vm_text(const struct vm *vm, uint64_t now_us, struct str *out)
{
	const struct vm_definition *d = &vm->definition;

	add_line(out, "name", d->name);
	add_line(out, "id", d->id);
	add_line(out, "project", d->project);
	add_line(out, "state", vm_state_name(vm->state));
	add_line(out, "desired", desired_state_name(vm->desired));
	add_time(out, "since", vm->since_us, now_us);
	str_addf(out, "instance: %" PRIu64 "\n", vm->instance);
	if (vm->has_pid)
		str_addf(out, "pid: %" PRIu64 "\n", vm->pid);
	add_definition(out, d);
	add_time(out, "created", d->created_us, now_us);
	add_time(out, "updated", d->updated_us, now_us);
	str_addf(out, "revision: %" PRIu64 "\n", d->revision);
	if (vm->end)
		add_end(out, vm->end, now_us);
	if (vm->has_restart_us) {
		str_add(out, "starts again: ");
		time_format(vm->restart_us, out);
		str_addf(out, " (restart %" PRIu64 " in a row)\n", vm->restarts);
	}
}

void event_text(const struct event *ev, struct str *out)
{
	str_addf(out, "%" PRIu64 "  ", ev->seq);
	time_format(ev->time_us, out);
	str_addf(out, "  %s  %s", ev->name, event_type_name(ev->type));
	if (ev->has_state)
		str_addf(out, " %s", vm_state_name(ev->state));
	if (ev->reason != END_REASON_NONE)
		str_addf(out, " (%s)", end_reason_name(ev->reason));
	str_add(out, "  by ");
	text_format(ev->actor, out);
	if (ev->detail) {
		str_add(out, ": ");
		text_format(ev->detail, out);
	}
	str_add_char(out, '\n');
}

bool vm_end_is_good(enum end_reason reason)
{
	switch (reason) {
	case END_REASON_GUEST_POWEROFF:
	case END_REASON_GUEST_RESET:
	case END_REASON_STOP:
	case END_REASON_DEBUG_EXIT:
		return true;
	default:
		return false;
	}
}

int vm_end_error(const char *name, const struct vm_end *end, struct err **e)
{
	err_set(e, ERR_WORKER_FAILED, "%s: %s%s%s", name, end_reason_name(end->reason),
		end->detail ? ": " : "", end->detail ? end->detail : "");
	if (e && *e)
		(*e)->last_words = mem_strdup(end->last_words);
	return -1;
}
