/*
 * tests/images/init.c - process 1 of the test guest, static, in its initrd
 *
 * Says on the serial console that the guest is up and what it sees of its machine,
 * gives a shell there, and obeys the ACPI power button. Tests read these lines:
 *
 *   vx-guest: ready cpus=N mem_kb=M uptime=S
 *   vx-guest: power button
 *
 * On the kernel's command line vx.exit=N makes it write N to the debug-exit port
 * once ready, vx.poweroff makes it power off then. Modules to load lie in /mod, in
 * the order of their names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CONSOLE "/dev/ttyS0"
#define DEBUG_EXIT_PORT 0xf4
#define INPUTS_MAX 8
#define SHELL_PAUSE_US 100000 /* between shells: one that ends at once must not spin */

static void load_modules(void)
{
	struct dirent **files;
	const int count = scandir("/mod", &files, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[300];
		int fd;

		if (files[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/mod/%s", files[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, "", 0))
			printf("vx-guest: %s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static void mount_at(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL))
		printf("vx-guest: mount %s: %s\n", where, strerror(errno));
}

static void open_console(void)
{
	const int fd = open(CONSOLE, O_RDWR | O_NOCTTY);

	if (fd < 0)
		return; /* what the kernel opened for us must do */
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void say_ready(void)
{
	struct timespec up;
	struct sysinfo info;

	clock_gettime(CLOCK_BOOTTIME, &up);
	sysinfo(&info);
	printf("vx-guest: ready cpus=%ld mem_kb=%lu uptime=%lld.%02ld\n",
	       sysconf(_SC_NPROCESSORS_ONLN), info.totalram * info.mem_unit / 1024,
	       (long long)up.tv_sec, up.tv_nsec / 10000000);
}

static void power_off(void)
{
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
}

/* Do what the kernel's command line asks for, if it asks for anything. */
static void obey_command_line(void)
{
	char line[4096] = "";
	const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	const bool got = read(fd, line, sizeof(line) - 1) > 0;
	char *rest = line;

	close(fd);
	for (char *word; got && (word = strsep(&rest, " \n"));) {
		if (!strncmp(word, "vx.exit=", 8)) {
			tcdrain(STDOUT_FILENO);
			if (ioperm(DEBUG_EXIT_PORT, 1, 1))
				perror("vx-guest: debug-exit port");
			else
				outb(atoi(word + 8), DEBUG_EXIT_PORT);
		} else if (!strcmp(word, "vx.poweroff")) {
			power_off();
		}
	}
}

/* Open every input device; how many. The ACPI button driver makes one or two. */
static int open_inputs(struct pollfd *inputs)
{
	DIR *dir = opendir("/dev/input");
	int count = 0;

	for (struct dirent *d; dir && count < INPUTS_MAX && (d = readdir(dir));) {
		if (strncmp(d->d_name, "event", 5) != 0)
			continue;
		inputs[count].fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC);
		inputs[count++].events = POLLIN;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void read_input(int fd)
{
	struct input_event event;

	if (read(fd, &event, sizeof(event)) != sizeof(event))
		return;
	if (event.type != EV_KEY || event.code != KEY_POWER || event.value != 1)
		return;
	puts("vx-guest: power button");
	power_off();
}

static pid_t start_shell(const sigset_t *mask)
{
	const pid_t pid = fork();

	if (pid)
		return pid;
	sigprocmask(SIG_SETMASK, mask, NULL);
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 1);
	execl("/bin/busybox", "sh", (char *)NULL);
	perror("vx-guest: /bin/busybox");
	_exit(127);
}

/* Reap whoever has ended; whether the shell is among them. */
static bool reap(pid_t shell)
{
	bool ended = false;

	for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
		ended |= pid == shell;
	return ended;
}

static void serve(void)
{
	struct pollfd fds[1 + INPUTS_MAX] = { { .events = POLLIN } };
	const int inputs = open_inputs(fds + 1);
	struct signalfd_siginfo info;
	sigset_t children, before;
	pid_t shell;

	if (!inputs)
		puts("vx-guest: no input device, so no power button");
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, &before);
	fds[0].fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	shell = start_shell(&before);
	while (poll(fds, 1 + inputs, -1) > 0 || errno == EINTR) {
		for (int i = 1; i <= inputs; i++)
			if (fds[i].revents)
				read_input(fds[i].fd);
		if (read(fds[0].fd, &info, sizeof(info)) > 0 && reap(shell)) {
			usleep(SHELL_PAUSE_US);
			shell = start_shell(&before);
		}
	}
}

int main(void)
{
	setenv("PATH", "/bin", 1);
	setenv("HOME", "/", 1);
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	open_console();
	load_modules();
	say_ready();
	obey_command_line();
	serve();
	power_off();
}
