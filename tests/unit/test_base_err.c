/*
 * tests/unit/test_base_err.c - the error object keeps what it is told, in order
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

static void an_error_is_a_code_and_a_sentence(void)
{
	autoptr(err) e = NULL;

	T_EQ(err_set(&e, ERR_CONFLICT, "VM \"%s\" has %d heads", "web", 2), -1);
	T_EQ(e->code, ERR_CONFLICT);
	T_STR(e->message, "VM \"web\" has 2 heads");
	T_STR(e->object, NULL);
	T_STR(e->hint, NULL);
	T_STR(e->path, NULL);
	T_STR(e->last_words, NULL);
}

static void who_does_not_care_passes_null(void)
{
	T_EQ(err_set(NULL, ERR_INTERNAL, "x"), -1);
	T_EQ(err_sys(NULL, ENOENT, "x"), -1);
	T_EQ(err_wrap(NULL, "x"), -1);
	T_EQ(err_hint(NULL, "x"), -1);
	T_EQ(err_object(NULL, "x"), -1);
	T_EQ(err_path(NULL, "x"), -1);
	T_OK(!err_dup(NULL));
	err_free(NULL);
}

static void nothing_is_added_to_no_error(void)
{
	autoptr(err) e = NULL;

	err_wrap(&e, "x");
	err_hint(&e, "x");
	err_object(&e, "x");
	err_path(&e, "x");
	T_OK(!e);
}

static void setting_again_replaces_the_whole_error(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_CONFLICT, "old");
	err_hint(&e, "old hint");
	err_object(&e, "old object");
	err_set(&e, ERR_TIMEOUT, "new");
	T_EQ(e->code, ERR_TIMEOUT);
	T_STR(e->message, "new");
	T_STR(e->hint, NULL);
	T_STR(e->object, NULL);
}

static void a_system_error_says_what_failed_and_why(void)
{
	autoptr(err) e = NULL;
	autoptr(err) negative = NULL;

	T_EQ(err_sys(&e, ENOENT, "open %s", "/no/where"), -1);
	T_EQ(e->code, ERR_NOT_FOUND);
	T_STR(e->message, "open /no/where: No such file or directory");
	err_sys(&negative, -ENOENT, "open %s", "/no/where");
	T_EQ(negative->code, ERR_NOT_FOUND);
	T_STR(negative->message, e->message);
}

static void each_errno_has_its_code(void)
{
	static const struct {
		int errnum;
		enum err_code code;
	} cases[] = {
		{ ENOENT, ERR_NOT_FOUND },	  { EACCES, ERR_PERMISSION_DENIED },
		{ EPERM, ERR_PERMISSION_DENIED }, { ENOSPC, ERR_NO_SPACE },
		{ EDQUOT, ERR_NO_SPACE },	  { ENOMEM, ERR_NO_CAPACITY },
		{ EMFILE, ERR_NO_CAPACITY },	  { ENFILE, ERR_NO_CAPACITY },
		{ EAGAIN, ERR_NO_CAPACITY },	  { ETIMEDOUT, ERR_TIMEOUT },
		{ EINVAL, ERR_INTERNAL },	  { 0, ERR_INTERNAL },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		T_EQ(err_code_of_errno(cases[i].errnum), cases[i].code);
}

static void context_comes_first(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_BAD_IMAGE, "it is empty");
	T_EQ(err_wrap(&e, "read %s", "kernel"), -1);
	T_EQ(err_wrap(&e, "start VM"), -1);
	T_STR(e->message, "start VM: read kernel: it is empty");
	T_EQ(e->code, ERR_BAD_IMAGE);
}

static void the_last_hint_and_object_count(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_NOT_FOUND, "gone");
	T_EQ(err_hint(&e, "look in %s", "here"), -1);
	T_EQ(err_hint(&e, "look %s", "there"), -1);
	T_EQ(err_object(&e, "a"), -1);
	T_EQ(err_object(&e, "b"), -1);
	T_STR(e->hint, "look there");
	T_STR(e->object, "b");
	err_object(&e, NULL);
	T_STR(e->object, NULL);
}

static void a_path_grows_to_the_left_with_dots_where_they_belong(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_INVALID_PARAMS, "is bad");
	T_EQ(err_path(&e, "format"), -1);
	T_STR(e->path, "format");
	T_EQ(err_path(&e, "[%d]", 2), -1);
	T_STR(e->path, "[2].format");
	err_path(&e, "disks");
	T_STR(e->path, "disks[2].format");
	err_path(&e, "vm");
	T_STR(e->path, "vm.disks[2].format");
}

static void percent_signs_of_a_name_are_not_a_format(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_NOT_FOUND, "%s", "100%n%s");
	err_wrap(&e, "%s", "50%d");
	err_object(&e, "%s%n");
	T_STR(e->message, "50%d: 100%n%s");
	T_STR(e->object, "%s%n");
}

static void a_copy_has_everything_and_shares_nothing(void)
{
	autoptr(err) e = NULL;

	err_set(&e, ERR_WORKER_FAILED, "it ended");
	err_hint(&e, "hint");
	err_object(&e, "object");
	err_path(&e, "path");
	e->last_words = mem_strdup("aargh");

	autoptr(err) copy = err_dup(e);

	err_free(steal(e));
	T_EQ(copy->code, ERR_WORKER_FAILED);
	T_STR(copy->message, "it ended");
	T_STR(copy->hint, "hint");
	T_STR(copy->object, "object");
	T_STR(copy->path, "path");
	T_STR(copy->last_words, "aargh");
}

/* What `write` writes to standard error. */
static const char *logged(void (*write_lines)(void))
{
	static char text[1024];
	int fds[2], old = dup(STDERR_FILENO);

	T_EQ(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	write_lines();
	dup2(old, STDERR_FILENO);
	close(old);

	ssize_t n = read(fds[0], text, sizeof(text) - 1);

	T_OK(n >= 0);
	text[n] = '\0';
	close(fds[0]);
	return text;
}

static void log_all_levels(void)
{
	autoptr(err) e = NULL;

	log_debug("%s", "not seen");
	log_info("one");
	log_warn("two %d", 2);
	log_error("three");
	log_err(NULL, "four");
	err_set(&e, ERR_INTERNAL, "why");
	log_err(e, "five");
	err_hint(&e, "hint");
	log_err(e, "six");
}

static void a_log_line_begins_with_its_level_in_words(void)
{
	unsetenv("JOURNAL_STREAM");
	T_STR(logged(log_all_levels),
	      "info: one\nwarning: two 2\nerror: three\nerror: four: unknown error\n"
	      "error: five: why\nerror: six: why (hint)\n");
}

static void below_systemd_it_begins_with_its_level_in_numbers(void)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_set_level(LOG_LEVEL_WARN);
	T_STR(logged(log_all_levels),
	      "<4>two 2\n<3>three\n<3>four: unknown error\n<3>five: why\n"
	      "<3>six: why (hint)\n");
	log_set_level(LOG_LEVEL_DEBUG);
	T_HAS(logged(log_all_levels), "<7>not seen\n<6>one\n");
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(an_error_is_a_code_and_a_sentence),
		T_CASE(who_does_not_care_passes_null),
		T_CASE(nothing_is_added_to_no_error),
		T_CASE(setting_again_replaces_the_whole_error),
		T_CASE(a_system_error_says_what_failed_and_why),
		T_CASE(each_errno_has_its_code),
		T_CASE(context_comes_first),
		T_CASE(the_last_hint_and_object_count),
		T_CASE(a_path_grows_to_the_left_with_dots_where_they_belong),
		T_CASE(percent_signs_of_a_name_are_not_a_format),
		T_CASE(a_copy_has_everything_and_shares_nothing),
		T_CASE(a_log_line_begins_with_its_level_in_words),
		T_CASE(below_systemd_it_begins_with_its_level_in_numbers),
	};

	return T_RUN(cases);
}
