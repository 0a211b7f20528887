# fuzz targets of the worker's devices
noinst_LIBRARIES += %D%/libfuzzdev.a
%C%_libfuzzdev_a_SOURCES = %D%/fuzz_dev.c %D%/fuzz_dev.h

FUZZ_DEV_LIBS = %D%/libfuzzdev.a tests/unit/libfakemachine.a $(VMM_TEST_LIBS)

FUZZ_TARGETS += %D%/fuzz_dev_debug_exit
%C%_fuzz_dev_debug_exit_SOURCES = %D%/fuzz_dev_debug_exit.c $(FUZZ_MAIN)
%C%_fuzz_dev_debug_exit_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_debug_exit_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_dev_ich9_pm
%C%_fuzz_dev_ich9_pm_SOURCES = %D%/fuzz_dev_ich9_pm.c $(FUZZ_MAIN)
%C%_fuzz_dev_ich9_pm_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_ich9_pm_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_dev_ioapic
%C%_fuzz_dev_ioapic_SOURCES = %D%/fuzz_dev_ioapic.c $(FUZZ_MAIN)
%C%_fuzz_dev_ioapic_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_ioapic_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_dev_pvpanic
%C%_fuzz_dev_pvpanic_SOURCES = %D%/fuzz_dev_pvpanic.c $(FUZZ_MAIN)
%C%_fuzz_dev_pvpanic_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_pvpanic_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_dev_reset_control
%C%_fuzz_dev_reset_control_SOURCES = %D%/fuzz_dev_reset_control.c $(FUZZ_MAIN)
%C%_fuzz_dev_reset_control_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_reset_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_dev_serial16550
%C%_fuzz_dev_serial16550_SOURCES = %D%/fuzz_dev_serial16550.c $(FUZZ_MAIN)
%C%_fuzz_dev_serial16550_LDADD = $(FUZZ_DEV_LIBS)
%C%_fuzz_dev_serial16550_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
