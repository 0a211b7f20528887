/*
 * vmm-worker/seal_gen.c - compile seal_calls.h when vx is built
 *
 *   seal_gen bpf   the filters, as C arrays of struct sock_filter
 *   seal_gen doc   the list for people, docs/sealing.md
 *
 * libseccomp turns the list into BPF here, so that the worker needs neither the library
 * nor the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FILTER_MAX 4096 /* instructions; BPF_MAXINSNS */

enum kinds {
	SEAL_CONTROL = 1,
	SEAL_VCPU = 2,
	SEAL_BOTH = SEAL_CONTROL | SEAL_VCPU,
};

struct call {
	enum kinds kinds;
	int number;
	const char *name;
	int arg; /* -1: any */
	uint64_t mask, value;
	const char *condition, *why;
};

#define SEAL_CALL(kinds, call, why) { kinds, SCMP_SYS(call), #call, -1, 0, 0, "", why },
#define SEAL_CALL_IF(kinds, call, arg, mask, value, why) \
	{ kinds,                                         \
	  SCMP_SYS(call),                                \
	  #call,                                         \
	  arg,                                           \
	  mask,                                          \
	  value,                                         \
	  "argument " #arg " & " #mask " is " #value,    \
	  why },

static const struct call calls[] = {
#include "vmm-worker/seal_calls.h"
};

static int add_call(scmp_filter_ctx filter, const struct call *c)
{
	if (c->arg < 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, c->number, 0);
	return seccomp_rule_add(
		filter, SCMP_ACT_ALLOW, c->number, 1,
		SCMP_CMP((unsigned int)c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value));
}

/* The program as bytes: the count, or -1. */
static ssize_t compile(enum kinds kind, struct sock_filter *out)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	autofd int fd = memfd_create("filter", MFD_CLOEXEC);
	int rc = filter && fd >= 0 ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < COUNT(calls); i++)
		if (calls[i].kinds & kind)
			rc = add_call(filter, &calls[i]);
	if (rc == 0)
		rc = seccomp_export_bpf(filter, fd);
	seccomp_release(filter);
	return rc < 0 ? -1 : pread(fd, out, FILTER_MAX * sizeof(*out), 0);
}

static int print_filter(const char *name, enum kinds kind)
{
	static struct sock_filter program[FILTER_MAX];
	ssize_t bytes = compile(kind, program);

	if (bytes <= 0) {
		fprintf(stderr, "seal_gen: the list for %s cannot be compiled\n", name);
		return 1;
	}
	printf("static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < (size_t)bytes / sizeof(*program); i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", program[i].code,
		       program[i].jt, program[i].jf, program[i].k);
	puts("};");
	return 0;
}

static void print_list(const char *title, enum kinds kind)
{
	printf("\n## %s\n\n| call | only if | why |\n|---|---|---|\n", title);
	for (size_t i = 0; i < COUNT(calls); i++)
		if (calls[i].kinds & kind)
			printf("| `%s` | %s | %s |\n", calls[i].name,
			       calls[i].condition, calls[i].why);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bpf") == 0) {
		puts("/* made by seal_gen from vmm-worker/seal_calls.h */");
		return print_filter("filter_control", SEAL_CONTROL) |
		       print_filter("filter_vcpu", SEAL_VCPU);
	}
	if (argc == 2 && strcmp(argv[1], "doc") == 0) {
		puts("# What a sealed worker may ask of the kernel\n\n"
		     "<!-- made by seal_gen from vmm-worker/seal_calls.h: change that "
		     "-->\n\n"
		     "A worker lives in an empty root directory, without capabilities, "
		     "in "
		     "namespaces of its own.\nOnce its machine is built, each of its "
		     "threads is "
		     "sealed: these are all the system calls\nthat it may make. Any "
		     "other ends "
		     "the VM with the reason `seccomp` and a report that names\nthe "
		     "call and the "
		     "thread. No thread may open, create or name a file, make a "
		     "socket, a\n"
		     "process or a thread, or map memory that can be executed.");
		print_list("The control thread", SEAL_CONTROL);
		print_list("vCPU threads", SEAL_VCPU);
		return 0;
	}
	fputs("usage: seal_gen bpf|doc\n", stderr);
	return 2;
}
