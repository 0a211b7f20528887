# unit tests of the worker's pure half: memory and loaders
noinst_LIBRARIES += %D%/libbootrig.a
%C%_libbootrig_a_SOURCES = %D%/boot_rig.c %D%/boot_rig.h

UNIT_TESTS += %D%/test_boot_elf %D%/test_boot_linux %D%/test_boot_multiboot \
	%D%/test_memory %D%/test_memory_map

%C%_test_boot_elf_SOURCES = %D%/test_boot_elf.c
%C%_test_boot_elf_LDADD = %D%/libbootrig.a $(VMM_TEST_LIBS)
%C%_test_boot_linux_SOURCES = %D%/test_boot_linux.c
%C%_test_boot_linux_LDADD = %D%/libbootrig.a $(VMM_TEST_LIBS)
%C%_test_boot_multiboot_SOURCES = %D%/test_boot_multiboot.c
%C%_test_boot_multiboot_LDADD = %D%/libbootrig.a $(VMM_TEST_LIBS)
%C%_test_memory_SOURCES = %D%/test_memory.c
%C%_test_memory_LDADD = $(VMM_TEST_LIBS)
%C%_test_memory_map_SOURCES = %D%/test_memory_map.c
%C%_test_memory_map_LDADD = $(VMM_TEST_LIBS)

include tests/unit/vmm_tables.mk
