/*
 * tests/unit/test_base_fd.c - whole reads and writes, small files, sealed memory files
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/mem.h"

static int dir_fd(void)
{
	int fd = open(t_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	T_OK(fd >= 0);
	return fd;
}

static char *in_dir(const char *name)
{
	return mem_printf("%s/%s", t_dir(), name);
}

static void put(int dir, const char *name, const char *text)
{
	autofd int fd =
		openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	T_OK(fd >= 0);
	T_EQ(fd_write_all(fd, text, strlen(text)), 0);
}

static char *content(int dir, const char *name)
{
	char *text = NULL;

	T_EQ(fd_read_file(dir, name, 1 << 20, &text, NULL), 0);
	return text;
}

static void a_write_goes_through_a_full_pipe(void)
{
	enum { SIZE = 1 << 20 };
	int fds[2];
	size_t got = 0;

	T_EQ(pipe(fds), 0);
	pid_t pid = fork();

	if (pid == 0) {
		autofree char *data = mem_alloc(SIZE);

		memset(data, 'w', SIZE);
		_exit(fd_write_all(fds[1], data, SIZE) == 0 ? 0 : 1);
	}
	close(fds[1]);
	for (char buf[5000]; got <= SIZE;) {
		ssize_t n = read(fds[0], buf, sizeof(buf));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			T_EQ(buf[i], 'w');
		got += (size_t)n;
	}
	int status;

	T_EQ(got, SIZE);
	T_EQ(waitpid(pid, &status, 0), pid);
	T_EQ(status, 0);
	close(fds[0]);
}

static void a_write_that_fails_says_why(void)
{
	autofd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	T_EQ(fd_write_all(-1, "x", 1), -EBADF);
	T_EQ(fd_write_all(-1, "x", 0), 0);
	if (full >= 0)
		T_EQ(fd_write_all(full, "x", 1), -ENOSPC);
}

static void a_read_is_short_only_at_the_end(void)
{
	autofd int dir = dir_fd();
	char buf[16];

	put(dir, "f", "0123456789");
	autofd int fd = openat(dir, "f", O_RDONLY | O_CLOEXEC);

	T_EQ(fd_pread_full(fd, buf, 4, 3), 4);
	T_EQ(memcmp(buf, "3456", 4), 0);
	T_EQ(fd_pread_full(fd, buf, 16, 5), 5);
	T_EQ(memcmp(buf, "56789", 5), 0);
	T_EQ(fd_pread_full(fd, buf, 16, 10), 0);
	T_EQ(fd_pread_full(fd, buf, 16, 1000), 0);
	T_EQ(fd_pread_full(fd, buf, 16, UINT64_MAX), -EINVAL);
	T_EQ(fd_pread_full(-1, buf, 16, 0), -EBADF);
}

static void flags_are_set_and_told(void)
{
	int fds[2];

	T_EQ(pipe(fds), 0);
	T_EQ(fd_set_nonblocking(fds[0]), 0);
	T_OK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	T_EQ(fd_set_cloexec(fds[0], true), 0);
	T_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	T_EQ(fd_set_cloexec(fds[0], false), 0);
	T_EQ(fcntl(fds[0], F_GETFD), 0);
	close(fds[0]);
	close(fds[1]);
	T_EQ(fd_set_nonblocking(-1), -EBADF);
	T_EQ(fd_set_cloexec(-1, true), -EBADF);
}

static void directories_are_made_with_their_parents(void)
{
	autofree char *path = in_dir("a/bb//c");
	autofree char *slash = in_dir("d/");
	struct stat st;

	umask(022);
	T_EQ(fd_make_dirs(path, 0700), 0);
	T_EQ(stat(path, &st), 0);
	T_OK(S_ISDIR(st.st_mode));
	T_EQ(st.st_mode & 0777, 0700);
	T_EQ(fd_make_dirs(path, 0700), 0);
	T_EQ(fd_make_dirs(slash, 0755), 0);
	T_EQ(stat(slash, &st), 0);
	T_EQ(st.st_mode & 0777, 0755);
	T_EQ(fd_make_dirs("/", 0700), 0);
}

static void directories_are_made_below_the_working_one(void)
{
	struct stat st;

	T_EQ(chdir(t_dir()), 0);
	T_EQ(fd_make_dirs("x/y", 0700), 0);
	T_EQ(stat("x/y", &st), 0);
	T_EQ(fd_make_dirs("z", 0700), 0);
	T_EQ(stat("z", &st), 0);
	T_EQ(fd_make_dirs("", 0700), -ENOENT);
	T_EQ(chdir("/"), 0);
}

static void a_file_in_the_way_is_no_directory(void)
{
	autofd int dir = dir_fd();
	autofree char *behind = in_dir("f/sub"), *itself = in_dir("f");

	put(dir, "f", "");
	T_EQ(fd_make_dirs(behind, 0700), -ENOTDIR);
	T_EQ(fd_make_dirs(itself, 0700), -ENOTDIR);
}

static void a_file_is_read_whole_at_every_size(void)
{
	static const size_t sizes[] = {
		0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 100000
	};
	autofd int dir = dir_fd();

	for (size_t i = 0; i < COUNT(sizes); i++) {
		autofree char *text = mem_alloc(sizes[i] + 1), *read_back = NULL;
		size_t len = 0;

		memset(text, 'r', sizes[i]);
		put(dir, "f", text);
		T_EQ(fd_read_file(dir, "f", sizes[i], &read_back, &len), 0);
		T_EQ(len, sizes[i]);
		T_OK(strcmp(read_back, text) == 0);
	}
}

static void a_file_that_is_too_large_is_refused(void)
{
	autofd int dir = dir_fd();
	char *text = (char *)1;
	size_t len = 77;

	put(dir, "f", "0123456789");
	T_EQ(fd_read_file(dir, "f", 9, &text, &len), -EFBIG);
	T_OK(text == (char *)1 && len == 77);
	/* It has no size of its own, and no end. */
	T_EQ(fd_read_file(AT_FDCWD, "/dev/zero", 100000, &text, &len), -EFBIG);
	T_OK(text == (char *)1 && len == 77);
}

static void a_symbolic_link_is_not_read(void)
{
	autofd int dir = dir_fd();
	char *text = NULL;

	put(dir, "f", "secret");
	T_EQ(symlinkat("f", dir, "link"), 0);
	T_EQ(fd_read_file(dir, "link", 100, &text, NULL), -ELOOP);
	T_EQ(fd_read_file(dir, "none", 100, &text, NULL), -ENOENT);
	T_EQ(fd_read_file(dir, ".", 100, &text, NULL), -EISDIR);
	T_OK(!text);
}

static void a_file_is_replaced_whole(void)
{
	autofd int dir = dir_fd();
	struct stat st;

	T_EQ(fd_replace_file(dir, "f", "first", 5, 0600), 0);
	T_EQ(fstatat(dir, "f", &st, 0), 0);
	T_EQ(st.st_mode & 0777, 0600);
	T_EQ(fd_replace_file(dir, "f", "2nd", 3, 0600), 0);

	autofree char *text = content(dir, "f");

	T_STR(text, "2nd");
	T_EQ(faccessat(dir, ".f.new", F_OK, 0), -1);
}

static void what_a_crash_left_beside_it_is_no_obstacle(void)
{
	autofd int dir = dir_fd();

	put(dir, "f", "old");
	put(dir, ".f.new", "half of something that was longer");
	T_EQ(fd_replace_file(dir, "f", "new", 3, 0600), 0);

	autofree char *text = content(dir, "f");

	T_STR(text, "new");
}

static void a_link_in_the_way_is_not_followed(void)
{
	autofd int dir = dir_fd();

	put(dir, "victim", "precious");
	T_EQ(symlinkat("victim", dir, ".f.new"), 0);
	T_EQ(fd_replace_file(dir, "f", "new", 3, 0600), -ELOOP);

	autofree char *text = content(dir, "victim");

	T_STR(text, "precious");
}

/* The disk is full behind 4096 bytes, as far as this process can tell. */
static void fill_disk(void)
{
	const struct rlimit none = { 4096, 4096 };

	signal(SIGXFSZ, SIG_IGN);
	T_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static void a_failed_replacement_leaves_the_old_file_alone(void)
{
	autofd int dir = dir_fd();
	autofree char *large = mem_alloc(10000);

	put(dir, "f", "old");
	fill_disk();
	T_EQ(fd_replace_file(dir, "f", large, 10000, 0600), -EFBIG);

	autofree char *text = content(dir, "f");

	T_STR(text, "old");
	T_EQ(faccessat(dir, ".f.new", F_OK, 0), -1);
	T_EQ(fd_replace_file(dir, "f", "new", 3, 0600), 0);
}

static void a_directory_of_that_name_is_not_replaced(void)
{
	autofd int dir = dir_fd();

	T_EQ(mkdirat(dir, "d", 0700), 0);
	T_EQ(fd_replace_file(dir, "d", "x", 1, 0600), -EISDIR);
	T_EQ(faccessat(dir, ".d.new", F_OK, 0), -1);
	T_EQ(fd_replace_file(-1, "f", "x", 1, 0600), -EBADF);
}

static void a_sealed_memory_file_keeps_its_size(void)
{
	autofd int fd = fd_memfd_sealed("test", 8192);

	T_OK(fd >= 0);
	T_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	T_EQ(ftruncate(fd, 4096), -1);
	T_EQ(ftruncate(fd, 16384), -1);
	T_EQ(pwrite(fd, "x", 1, 8191), 1);
	T_EQ(pwrite(fd, "x", 1, 8192), -1);
	T_OK(fd_is_memfd_sealed(fd, 8192));
	T_OK(!fd_is_memfd_sealed(fd, 8191));
	T_OK(!fd_is_memfd_sealed(fd, 0));
	T_EQ(fd_memfd_sealed("test", UINT64_MAX), -EINVAL);
}

static void what_could_shrink_under_us_is_not_taken_for_sealed(void)
{
	static const int wanted[] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL };
	autofd int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	for (size_t missing = 0; missing < COUNT(wanted); missing++) {
		autofd int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

		T_EQ(ftruncate(fd, 4096), 0);
		T_OK(!fd_is_memfd_sealed(fd, 4096));
		for (size_t i = 0; i < COUNT(wanted); i++)
			if (i != missing)
				T_EQ(fcntl(fd, F_ADD_SEALS, wanted[i]), 0);
		T_OK(!fd_is_memfd_sealed(fd, 4096));
	}
	T_EQ(fstat(file, &st), 0);
	T_OK(!fd_is_memfd_sealed(file, (uint64_t)st.st_size));
	T_OK(!fd_is_memfd_sealed(-1, 0));
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static void an_eventfd_is_known_and_cleared_without_waiting(void)
{
	autofd int event = eventfd(0, EFD_CLOEXEC); /* it would block */
	uint64_t n = 7;
	int fds[2];

	T_OK(fd_is_eventfd(event));
	T_EQ(write(event, &n, sizeof(n)), (intmax_t)sizeof(n));
	T_OK(is_readable(event));
	fd_eventfd_clear(event);
	T_OK(!is_readable(event));
	fd_eventfd_clear(event);

	T_EQ(pipe(fds), 0);
	autofd int in = fds[0], out = fds[1];
	autofd int memory = fd_memfd_sealed("anon_inode:[eventfd]", 4096);
	autofd int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	T_OK(!fd_is_eventfd(in) && !fd_is_eventfd(out) && !fd_is_eventfd(memory));
	T_OK(!fd_is_eventfd(timer) && !fd_is_eventfd(-1));
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_write_goes_through_a_full_pipe),
		T_CASE(a_write_that_fails_says_why),
		T_CASE(a_read_is_short_only_at_the_end),
		T_CASE(flags_are_set_and_told),
		T_CASE(directories_are_made_with_their_parents),
		T_CASE(directories_are_made_below_the_working_one),
		T_CASE(a_file_in_the_way_is_no_directory),
		T_CASE(a_file_is_read_whole_at_every_size),
		T_CASE(a_file_that_is_too_large_is_refused),
		T_CASE(a_symbolic_link_is_not_read),
		T_CASE(a_file_is_replaced_whole),
		T_CASE(what_a_crash_left_beside_it_is_no_obstacle),
		T_CASE(a_link_in_the_way_is_not_followed),
		T_CASE(a_failed_replacement_leaves_the_old_file_alone),
		T_CASE(a_directory_of_that_name_is_not_replaced),
		T_CASE(a_sealed_memory_file_keeps_its_size),
		T_CASE(what_could_shrink_under_us_is_not_taken_for_sealed),
		T_CASE(an_eventfd_is_known_and_cleared_without_waiting),
	};

	return T_RUN(cases);
}
