/*
 * tests/unit/test_acpi.c - the ACPI tables as a guest finds them
 *
 * Read by offsets of the specification, not by the structs that made them. Golden
 * files hold the bytes; acpi_dump.c makes them.
 */
#include <fcntl.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/mem.h"
#include "tests/unit/test.h"
#include "vmm-worker/acpi/acpi.h"
#include "vmm-worker/memory_map.h"

#define GOLDEN_MAX 65536
#define CPUS_MAX 254

static void build(unsigned cpus, struct str *out)
{
	struct acpi_config config = { .cpus = cpus };

	acpi_build(&config, out);
}

/* What lies at a guest address; it must be inside of the tables. */
static const uint8_t *at(const struct str *blob, uint64_t address, size_t len)
{
	struct span all = { (const uint8_t *)blob->data, blob->len }, part;

	T_OK(address >= MAP_RSDP);
	T_OK(span_sub(all, address - MAP_RSDP, len, &part));
	return part.data;
}

static void sums_to_zero(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	T_EQ(sum, 0);
}

/* A table whose length and checksum hold. */
static const uint8_t *table_at(const struct str *blob, uint64_t address,
			       const char *signature)
{
	uint32_t len = le32_get(at(blob, address, 36) + 4);
	const uint8_t *table = at(blob, address, len);

	T_OK(address >= MAP_ACPI_TABLES);
	T_EQ(memcmp(table, signature, 4), 0);
	sums_to_zero(table, len);
	return table;
}

static const uint8_t *find(const struct str *blob, const char *signature)
{
	const uint8_t *rsdp = at(blob, MAP_RSDP, 36);
	const uint8_t *xsdt = table_at(blob, le64_get(rsdp + 24), "XSDT");

	for (uint32_t i = 36; i < le32_get(xsdt + 4); i += 8) {
		uint64_t address = le64_get(xsdt + i);

		if (memcmp(at(blob, address, 4), signature, 4) == 0)
			return table_at(blob, address, signature);
	}
	t_fail(__FILE__, __LINE__, "there is no %s", signature);
}

static void the_rsdp_is_found_at_the_start(void)
{
	autofini(str) blob = { 0 };
	const uint8_t *rsdp;

	build(1, &blob);
	rsdp = at(&blob, MAP_RSDP, 36);
	T_EQ(memcmp(rsdp, "RSD PTR ", 8), 0);
	T_EQ(rsdp[15], 2);
	T_EQ(le32_get(rsdp + 16), 0); /* no RSDT */
	T_EQ(le32_get(rsdp + 20), 36);
	sums_to_zero(rsdp, 20);
	sums_to_zero(rsdp, 36);
	table_at(&blob, le64_get(rsdp + 24), "XSDT");
}

static void nothing_lies_between_the_rsdp_and_the_tables(void)
{
	autofini(str) blob = { 0 };

	build(1, &blob);
	for (uint64_t a = MAP_RSDP + 36; a < MAP_ACPI_TABLES; a++)
		T_EQ(*at(&blob, a, 1), 0);
}

static void the_fadt_tells_what_the_board_has(void)
{
	autofini(str) blob = { 0 };
	const uint8_t *fadt;

	build(2, &blob);
	fadt = find(&blob, "FACP");
	T_EQ(fadt[8], 6);
	T_EQ(le16_get(fadt + 46), 9);	   /* SCI */
	T_EQ(le32_get(fadt + 48), 0);	   /* no SMI command: ACPI is always on */
	T_EQ(le32_get(fadt + 56), 0x600);  /* PM1 event */
	T_EQ(le32_get(fadt + 64), 0x604);  /* PM1 control */
	T_EQ(le32_get(fadt + 76), 0x608);  /* PM timer */
	T_EQ(le32_get(fadt + 80), 0x620);  /* GPE0 */
	T_EQ(fadt[91], 4);		   /* PM timer's length */
	T_EQ(fadt[92], 16);		   /* GPE0's length */
	T_OK(le16_get(fadt + 96) > 100);   /* no C2 */
	T_OK(le16_get(fadt + 98) > 1000);  /* no C3 */
	T_EQ(le64_get(fadt + 152), 0x600); /* the same as generic addresses */
	T_EQ(le64_get(fadt + 176), 0x604);
	T_EQ(le64_get(fadt + 212), 0x608);
	T_EQ(le64_get(fadt + 224), 0x620);
}

static void the_fadt_tells_what_the_board_lacks(void)
{
	autofini(str) blob = { 0 };
	const uint8_t *fadt;
	uint32_t flags;

	build(2, &blob);
	fadt = find(&blob, "FACP");
	T_EQ(le16_get(fadt + 109), 0x24); /* no VGA, no CMOS; no 8042, no legacy */
	flags = le32_get(fadt + 112);
	T_OK(!(flags & 1u << 4));  /* the power button is in PM1 */
	T_OK(flags & 1u << 5);	   /* there is no sleep button */
	T_OK(flags & 1u << 8);	   /* the timer has 32 bits */
	T_OK(flags & 1u << 10);	   /* there is a reset register */
	T_OK(!(flags & 1u << 20)); /* PM1 exists */
	T_EQ(fadt[116], 1);	   /* the reset register is a port */
	T_EQ(le64_get(fadt + 120), 0xcf9);
	T_EQ(fadt[128], 6);
}

static void the_facs_is_aligned_to_64_bytes(void)
{
	autofini(str) blob = { 0 };
	uint32_t address;
	const uint8_t *facs;

	build(3, &blob);
	address = le32_get(find(&blob, "FACP") + 36);
	facs = at(&blob, address, 64);
	T_EQ(address % 64, 0);
	T_EQ(memcmp(facs, "FACS", 4), 0);
	T_EQ(le32_get(facs + 4), 64);
}

static void the_dsdt_carries_our_name_and_a_good_checksum(void)
{
	autofini(str) blob = { 0 };
	const uint8_t *fadt, *dsdt;

	build(1, &blob);
	fadt = find(&blob, "FACP");
	T_EQ(le32_get(fadt + 40), le64_get(fadt + 140));
	dsdt = table_at(&blob, le32_get(fadt + 40), "DSDT");
	T_EQ(memcmp(dsdt + 28, "VX\0", 4), 0);
	T_OK(memmem(dsdt, le32_get(dsdt + 4), "_S5_", 4));
	T_OK(memmem(dsdt, le32_get(dsdt + 4), "COM1", 4));
}

/* The last entry of `type` in the MADT, of which there must be `count`. */
static const uint8_t *entry(const uint8_t *madt, uint8_t type, unsigned count)
{
	const uint8_t *last = NULL;
	unsigned n = 0;

	for (uint32_t i = 44; i < le32_get(madt + 4); i += madt[i + 1]) {
		T_OK(madt[i + 1] >= 2);
		if (madt[i] != type)
			continue;
		n++;
		last = madt + i;
	}
	T_EQ(n, count);
	T_OK(last);
	return last;
}

static void each_cpu_has_its_local_apic(void)
{
	for (unsigned cpus = 1; cpus <= CPUS_MAX; cpus++) {
		autofini(str) blob = { 0 };
		const uint8_t *madt, *last;

		build(cpus, &blob);
		madt = find(&blob, "APIC");
		T_EQ(le32_get(madt + 36), MAP_LAPIC);
		T_EQ(le32_get(madt + 40), 0); /* no PIC */
		last = entry(madt, 0, cpus);
		T_EQ(last[2], cpus - 1);
		T_EQ(last[3], cpus - 1);
		T_EQ(le32_get(last + 4), 1);
		T_OK(MAP_RSDP + blob.len < MAP_ACPI_TABLES_END);
	}
}

static void the_sci_is_level_and_active_high(void)
{
	autofini(str) blob = { 0 };
	const uint8_t *madt, *ioapic, *sci;

	build(2, &blob);
	madt = find(&blob, "APIC");
	ioapic = entry(madt, 1, 1);
	T_EQ(le32_get(ioapic + 4), MAP_IOAPIC);
	T_EQ(le32_get(ioapic + 8), 0);
	sci = entry(madt, 2, 1);
	T_EQ(sci[3], 9);
	T_EQ(le32_get(sci + 4), 9);
	T_EQ(le16_get(sci + 8), 0x000d);
}

static void the_bytes_are_those_of_the_golden_files(void)
{
	static const unsigned cpus[] = { 1, 2, CPUS_MAX };
	const char *src = getenv("VX_SRC");

	for (size_t i = 0; i < COUNT(cpus); i++) {
		autofree char *path = mem_printf("%s/tests/golden/acpi/cpus-%u.bin",
						 src ? src : ".", cpus[i]);
		autofree char *want = NULL;
		autofini(str) blob = { 0 };
		size_t len = 0;

		build(cpus[i], &blob);
		T_EQ(fd_read_file(AT_FDCWD, path, GOLDEN_MAX, &want, &len), 0);
		T_EQ(blob.len, len);
		for (size_t b = 0; b < len; b++)
			if (blob.data[b] != want[b])
				t_fail(__FILE__, __LINE__, "%s differs at 0x%zx", path,
				       b);
	}
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(the_rsdp_is_found_at_the_start),
		T_CASE(nothing_lies_between_the_rsdp_and_the_tables),
		T_CASE(the_fadt_tells_what_the_board_has),
		T_CASE(the_fadt_tells_what_the_board_lacks),
		T_CASE(the_facs_is_aligned_to_64_bytes),
		T_CASE(the_dsdt_carries_our_name_and_a_good_checksum),
		T_CASE(each_cpu_has_its_local_apic),
		T_CASE(the_sci_is_level_and_active_high),
		T_CASE(the_bytes_are_those_of_the_golden_files),
	};

	return T_RUN(cases);
}
