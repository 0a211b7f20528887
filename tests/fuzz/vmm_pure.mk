# fuzz targets of the worker's pure half: the kernel loaders
FUZZ_TARGETS += %D%/fuzz_boot
%C%_fuzz_boot_SOURCES = %D%/fuzz_boot.c $(FUZZ_MAIN)
%C%_fuzz_boot_LDADD = tests/unit/libbootrig.a $(VMM_TEST_LIBS)
%C%_fuzz_boot_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

include tests/fuzz/vmm_tables.mk
