/*
 * tests/unit/acpi_dump.c - the ACPI tables of a machine, to standard output
 *
 * acpi_dump CPUS writes what the guest has from MAP_RSDP on. This makes the golden
 * files too: acpi_dump 2 >tests/golden/acpi/cpus-2.bin
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmm-worker/acpi/acpi.h"

int main(int argc, char **argv)
{
	struct acpi_config config = { 0 };
	autofini(str) out = { 0 };

	if (argc == 2)
		config.cpus = (unsigned)strtoul(argv[1], NULL, 10);
	if (config.cpus < 1 || config.cpus > 254) {
		fprintf(stderr, "usage: acpi_dump CPUS (1 to 254)\n");
		return 2;
	}
	acpi_build(&config, &out);
	return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
}
