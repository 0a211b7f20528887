# unit tests of the worker: devices without KVM, whole machines with it
include tests/unit/vmm_pure.mk

noinst_LIBRARIES += %D%/libfakemachine.a
%C%_libfakemachine_a_SOURCES = %D%/fake_machine.c %D%/fake_machine.h

VMM_TEST_LIBS = %D%/libtest.a $(VMM_LIBS) $(JANSSON_LIBS) $(UV_LIBS) -lpthread -ldl

UNIT_TESTS += %D%/test_bus %D%/test_console %D%/test_ich9_pm %D%/test_ioapic \
	%D%/test_machine_kvm %D%/test_serial16550

%C%_test_bus_SOURCES = %D%/test_bus.c
%C%_test_bus_LDADD = $(VMM_TEST_LIBS)
%C%_test_console_SOURCES = %D%/test_console.c
%C%_test_console_LDADD = $(VMM_TEST_LIBS)
%C%_test_ich9_pm_SOURCES = %D%/test_ich9_pm.c
%C%_test_ich9_pm_LDADD = %D%/libfakemachine.a $(VMM_TEST_LIBS)
%C%_test_ioapic_SOURCES = %D%/test_ioapic.c
%C%_test_ioapic_LDADD = %D%/libfakemachine.a $(VMM_TEST_LIBS)
%C%_test_machine_kvm_SOURCES = %D%/test_machine_kvm.c \
	%D%/kvm_guests.c %D%/kvm_guests.h
%C%_test_machine_kvm_LDADD = $(VMM_TEST_LIBS)
%C%_test_serial16550_SOURCES = %D%/test_serial16550.c
%C%_test_serial16550_LDADD = %D%/libfakemachine.a $(VMM_TEST_LIBS)
