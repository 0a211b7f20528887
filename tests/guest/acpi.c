/*
 * tests/guest/acpi.c - the RSDP, and what the MADT says of CPUs
 */
#include "guest.h"

#define SCAN_START 0xe0000u /* ACPI 6.4 5.2.5.1 */
#define SCAN_END 0x100000u
#define RSDP_V1_SIZE 20
#define MADT_FIRST 44
#define MADT_LOCAL_APIC 0
#define MADT_ENABLED 1

static bool sums_to_zero(uint32_t address, uint32_t length)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum += bytes_at(address)[i];
	return sum == 0;
}

static bool is_rsdp(uint32_t at)
{
	if (memcmp(bytes_at(at), "RSD PTR ", 8) != 0 || !sums_to_zero(at, RSDP_V1_SIZE))
		return false;
	return bytes_at(at)[15] < 2 || sums_to_zero(at, *at32(at + 20));
}

uint32_t rsdp_find(const struct guest *g)
{
	if (g->rsdp)
		return is_rsdp(g->rsdp) ? g->rsdp : 0;
	for (uint32_t at = SCAN_START; at < SCAN_END; at += 16)
		if (is_rsdp(at))
			return at;
	return 0;
}

/* A table of the XSDT, or of the RSDT where there is only that; 0: none. */
static uint32_t find_table(uint32_t rsdp, const char *signature)
{
	bool has_xsdt = bytes_at(rsdp)[15] >= 2 && *at32(rsdp + 24);
	uint32_t root = *at32(has_xsdt ? rsdp + 24 : rsdp + 16);
	uint32_t step = has_xsdt ? 8 : 4;

	if (!sums_to_zero(root, *at32(root + 4)))
		return 0;
	for (uint32_t at = root + 36; at < root + *at32(root + 4); at += step)
		if (memcmp(bytes_at(*at32(at)), signature, 4) == 0)
			return *at32(at);
	return 0;
}

uint32_t madt_apic_ids(uint32_t rsdp, uint8_t *ids, uint32_t max)
{
	uint32_t madt = rsdp ? find_table(rsdp, "APIC") : 0, n = 0;

	if (!madt || !sums_to_zero(madt, *at32(madt + 4)))
		return 0;
	for (uint32_t at = madt + MADT_FIRST; at < madt + *at32(madt + 4);
	     at += bytes_at(at)[1]) {
		const uint8_t *entry = bytes_at(at);

		if (entry[1] < 2)
			break;
		if (entry[0] == MADT_LOCAL_APIC && (entry[4] & MADT_ENABLED) && n < max)
			ids[n++] = entry[3];
	}
	return n;
}
