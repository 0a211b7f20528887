/*
 * tests/guest/inject.c - make a thread of another process make a system call
 *
 *   inject TID NUMBER [ARG...]
 *
 * Takes the thread out of the call that it waits in, puts another one in its place and
 * prints what came of it: "returned N", or "killed" when the process ended by it.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define SYSCALL_BYTES 2 /* of the instruction that the thread waits behind */

static void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Wait for the thread's next stop; exits when its process has ended. */
static int next_stop(pid_t tid)
{
	int status;

	if (waitpid(tid, &status, __WALL) != tid)
		die("wait");
	if (WIFSTOPPED(status))
		return status;
	puts("killed");
	exit(0);
}

static void seize(pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACESYSGOOD) < 0)
		die("seize");
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		die("interrupt");
	next_stop(tid);
}

static void set_call(pid_t tid, char **words, int n)
{
	struct user_regs_struct regs;
	unsigned long long args[6] = { 0 };

	for (int i = 1; i < n && i <= 6; i++)
		args[i - 1] = strtoull(words[i], NULL, 0);
	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		die("read registers");
	regs.rip -= SYSCALL_BYTES;
	regs.rax = strtoull(words[0], NULL, 0);
	regs.orig_rax =
		(unsigned long long)-1; /* the call that was left is not resumed */
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	if (ptrace(PTRACE_SETREGS, tid, NULL, &regs) < 0)
		die("set registers");
}

/* A filter that forbids a call skips it and leaves a SIGSYS. */
static bool forbidden(pid_t tid)
{
	struct __ptrace_peeksiginfo_args first = { .nr = 1 };
	siginfo_t info;

	return ptrace(PTRACE_PEEKSIGINFO, tid, &first, &info) == 1 &&
	       info.si_signo == SIGSYS;
}

static void see_it_die(pid_t tid)
{
	int signal = 0;

	for (;;) {
		if (ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signal) < 0)
			die("go on");
		int status = next_stop(tid);

		signal = status >> 16 ? 0 : WSTOPSIG(status);
	}
}

int main(int argc, char **argv)
{
	pid_t tid = argc > 2 ? atoi(argv[1]) : 0;
	struct user_regs_struct regs;

	if (tid <= 0) {
		fputs("usage: inject TID NUMBER [ARG...]\n", stderr);
		return 2;
	}
	seize(tid);
	set_call(tid, argv + 2, argc - 2);
	/* Its entry, its exit. */
	for (int stops = 0; stops < 2; stops++) {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) < 0)
			die("go on");
		next_stop(tid);
	}
	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		die("read registers");
	if (forbidden(tid))
		see_it_die(tid);
	printf("returned %lld\n", (long long)regs.rax);
	return 0;
}
