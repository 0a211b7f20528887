/*
 * vmm-worker/acpi/acpi.h - the ACPI tables of a machine
 *
 * RSDP, XSDT, FADT, FACS, MADT and a DSDT compiled by iasl at build time.
 * Bytes depend on the definition alone: golden files hold them.
 */
#ifndef VX_VMM_ACPI_H
#define VX_VMM_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct acpi_config {
	unsigned cpus; /* APIC ids 0 .. cpus - 1 */
};

/*
 * The bytes that belong at guest address MAP_RSDP: the RSDP, zeroes up to
 * MAP_ACPI_TABLES, the tables. Ends below MAP_ACPI_TABLES_END.
 */
void acpi_build(const struct acpi_config *config, struct str *out);

#endif
