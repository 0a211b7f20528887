# unit tests of the worker's pure tables: state stream, ACPI, CPUID
UNIT_TESTS += %D%/test_acpi %D%/test_cpuid %D%/test_state

%C%_test_acpi_SOURCES = %D%/test_acpi.c
%C%_test_acpi_LDADD = $(VMM_TEST_LIBS)
%C%_test_cpuid_SOURCES = %D%/test_cpuid.c
%C%_test_cpuid_LDADD = $(VMM_TEST_LIBS)
%C%_test_state_SOURCES = %D%/test_state.c
%C%_test_state_LDADD = $(VMM_TEST_LIBS)

# What test_acpi_iasl.py asks for the tables.
check_PROGRAMS += %D%/acpi_dump
%C%_acpi_dump_SOURCES = %D%/acpi_dump.c
%C%_acpi_dump_LDADD = $(VMM_TEST_LIBS)

SCRIPTS_PLAIN += %D%/test_acpi_iasl.py
