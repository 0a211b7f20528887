/*
 * tests/unit/test_cli_text.c - what vxctl prints: golden pairs
 *
 * tests/golden/cli/NAME.in is the reply as the API gives it, NAME.out the text.
 */
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/table.h"
#include "cli/vm_text.h"
#include "schema/gen/api.h"
#include "tests/unit/test.h"

#define NOW_US 1795694400000000ull /* 2026-11-26T12:00:00Z */
#define GOLDEN_MAX (1024 * 1024)

static char *golden(const char *name, const char *suffix)
{
	const char *src = getenv("VX_SRC");
	autofree char *path =
		mem_printf("%s/tests/golden/cli/%s.%s", src ? src : ".", name, suffix);
	char *text = NULL;

	T_EQ(fd_read_file(AT_FDCWD, path, GOLDEN_MAX, &text, NULL), 0);
	return text;
}

static void check(const char *name, const struct str *got)
{
	autofree char *want = golden(name, "out");

	T_STR(got->data, want);
}

static void check_list(const char *name)
{
	autofree char *in = golden(name, "in");
	autofini(vm_list_result) r = { 0 };
	autofini(str) out = { 0 };

	T_EQ(vm_list_result_parse(in, strlen(in), DECODE_STRICT, &r, NULL), 0);
	vm_list_text(r.vms, r.n_vms, NOW_US, &out);
	check(name, &out);
}

static void a_list_is_a_table(void)
{
	check_list("list");
}

static void an_empty_list_is_its_head(void)
{
	check_list("list-empty");
}

static void check_show(const char *name)
{
	autofree char *in = golden(name, "in");
	autofini(vm_get_result) r = { 0 };
	autofini(str) out = { 0 };

	T_EQ(vm_get_result_parse(in, strlen(in), DECODE_STRICT, &r, NULL), 0);
	vm_text(&r.vm, NOW_US, &out);
	check(name, &out);
}

static void a_vm_is_shown_in_lines(void)
{
	check_show("show-running");
}

static void a_failed_vm_is_shown_with_its_workers_last_words(void)
{
	check_show("show-failed");
}

/* One event a line in, one line out. */
static void events_are_lines(void)
{
	autofree char *in = golden("events", "in");
	autofini(str) out = { 0 };

	for (char *line = strtok(in, "\n"); line; line = strtok(NULL, "\n")) {
		autofini(event) ev = { 0 };

		T_EQ(event_parse(line, strlen(line), DECODE_STRICT, &ev, NULL), 0);
		event_text(&ev, &out);
	}
	check("events", &out);
}

static void an_error_says_all_that_is_known(void)
{
	autoptr(err) e = NULL;
	autofini(str) out = { 0 };

	err_set(&e, ERR_WORKER_FAILED, "web: crash");
	error_format(e, &out);
	T_STR(out.data, "vxctl: web: crash\n");
	str_clear(&out);
	err_hint(&e, "look at the log");
	err_path(&e, "boot");
	e->last_words = mem_strdup("one\n\x1b[2Jtwo\n");
	error_format(e, &out);
	T_STR(out.data, "vxctl: web: crash\n"
			"  field: boot\n"
			"  hint: look at the log\n"
			"  last words of the worker:\n"
			"    one\n"
			"    ?[2Jtwo\n");
}

static void columns_are_as_wide_as_their_widest_cell(void)
{
	autofini(table) t = { .columns = 2 };
	autofini(str) out = { 0 };
	static const char *const cells[] = { "A", "B", "h\xc3\xbctte", "x", "", "y" };

	for (size_t i = 0; i < COUNT(cells); i++)
		table_add(&t, cells[i]);
	table_format(&t, &out);
	T_STR(out.data, "A      B\nh\xc3\xbctte  x\n       y\n");
}

static void run_ends_as_its_guest_did(void)
{
	static const struct {
		struct vm_end end;
		int status;
	} ends[] = {
		{ { .reason = END_REASON_DEBUG_EXIT, .status = 0 }, 0 },
		{ { .reason = END_REASON_DEBUG_EXIT, .status = 255 }, 255 },
		{ { .reason = END_REASON_GUEST_POWEROFF }, 0 },
		{ { .reason = END_REASON_STOP }, 0 },
		{ { .reason = END_REASON_GUEST_RESET }, 0 },
		{ { .reason = END_REASON_KILL }, EXIT_FAILED_VM },
		{ { .reason = END_REASON_CRASH }, EXIT_FAILED_VM },
		{ { .reason = END_REASON_TRIPLE_FAULT }, EXIT_FAILED_VM },
		{ { .reason = END_REASON_START_FAILED }, EXIT_FAILED_VM },
	};

	for (size_t i = 0; i < COUNT(ends); i++)
		T_EQ(run_end_status("vm", &ends[i].end), ends[i].status);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_list_is_a_table),
		T_CASE(an_empty_list_is_its_head),
		T_CASE(a_vm_is_shown_in_lines),
		T_CASE(a_failed_vm_is_shown_with_its_workers_last_words),
		T_CASE(events_are_lines),
		T_CASE(an_error_says_all_that_is_known),
		T_CASE(columns_are_as_wide_as_their_widest_cell),
		T_CASE(run_ends_as_its_guest_did),
	};

	return T_RUN(cases);
}
