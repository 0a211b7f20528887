/*
 * tests/unit/test_admission.c - guest memory is promised once
 */
#include "tests/unit/test.h"

#include "daemon/admission.h"

#define MIB (UINT64_C(1024) * 1024)

static const struct vm_definition small = { .name = "web", .memory = 256 * MIB };

static int admit(uint64_t memory, uint64_t running, uint64_t vms, struct err **e)
{
	const struct admission_host host = { memory, running, vms };

	return admit_vm(&host, &small, e);
}

static void what_fits_exactly_is_admitted(void)
{
	autoptr(err) e = NULL;

	T_EQ(admit(256 * MIB, 0, 0, &e), 0);
	T_EQ(admit(1024 * MIB, 768 * MIB, 3, &e), 0);
	T_OK(!e);
}

static void one_byte_too_much_is_refused(void)
{
	T_EQ(admit(256 * MIB - 1, 0, 0, NULL), -1);
	T_EQ(admit(1024 * MIB, 768 * MIB + 1, 3, NULL), -1);
}

static void a_vm_larger_than_the_host_is_told_so(void)
{
	autoptr(err) e = NULL;

	T_EQ(admit(128 * MIB, 0, 0, &e), -1);
	T_EQ(e->code, ERR_NO_CAPACITY);
	T_STR(e->message, "VM \"web\" needs 256 MiB of memory, this host has 128 MiB");
	T_STR(e->object, "web");
	T_HAS(e->hint, "less memory");
}

static void a_full_host_says_by_whom(void)
{
	autoptr(err) e = NULL;

	T_EQ(admit(1024 * MIB, 1000 * MIB, 7, &e), -1);
	T_EQ(e->code, ERR_NO_CAPACITY);
	T_STR(e->message,
	      "VM \"web\" needs 256 MiB of memory; of this host's 1024 MiB, "
	      "1000 MiB are promised to 7 running VMs");
	T_STR(e->object, "web");
	T_HAS(e->hint, "stop another VM");
}

static void more_promised_than_there_is_wraps_nothing(void)
{
	T_EQ(admit(1024 * MIB, 1025 * MIB, 7, NULL), -1);
	T_EQ(admit(1024 * MIB, UINT64_MAX, 7, NULL), -1);
	T_EQ(admit(UINT64_MAX, UINT64_MAX - 256 * MIB, 7, NULL), 0);
	T_EQ(admit(UINT64_MAX, UINT64_MAX, 7, NULL), -1);
	T_EQ(admit(0, 0, 0, NULL), -1);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(what_fits_exactly_is_admitted),
		T_CASE(one_byte_too_much_is_refused),
		T_CASE(a_vm_larger_than_the_host_is_told_so),
		T_CASE(a_full_host_says_by_whom),
		T_CASE(more_promised_than_there_is_wraps_nothing),
	};

	return T_RUN(cases);
}
