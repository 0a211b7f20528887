# unit tests of daemon
noinst_LIBRARIES += %D%/libstorefixture.a
%C%_libstorefixture_a_SOURCES = %D%/store_fixture.c %D%/store_fixture.h

UNIT_TESTS += %D%/test_store %D%/test_store_check %D%/test_store_crash %D%/test_store_recover

%C%_test_store_SOURCES = %D%/test_store.c
%C%_test_store_LDADD = %D%/libstorefixture.a $(DAEMON_TEST_LIBS)
%C%_test_store_check_SOURCES = %D%/test_store_check.c
%C%_test_store_check_LDADD = %D%/libstorefixture.a $(DAEMON_TEST_LIBS)
%C%_test_store_crash_SOURCES = %D%/test_store_crash.c
%C%_test_store_crash_LDADD = %D%/libstorefixture.a $(DAEMON_TEST_LIBS)
%C%_test_store_recover_SOURCES = %D%/test_store_recover.c
%C%_test_store_recover_LDADD = %D%/libstorefixture.a $(DAEMON_TEST_LIBS)

# the pure half: tables and judgements
UNIT_TESTS += %D%/test_admission %D%/test_exit_record %D%/test_planner %D%/test_vm_set \
	%D%/test_vm_state

%C%_test_admission_SOURCES = %D%/test_admission.c
%C%_test_admission_LDADD = $(DAEMON_TEST_LIBS)
%C%_test_exit_record_SOURCES = %D%/test_exit_record.c
%C%_test_exit_record_LDADD = $(DAEMON_TEST_LIBS)
%C%_test_planner_SOURCES = %D%/test_planner.c
%C%_test_planner_LDADD = $(DAEMON_TEST_LIBS)
%C%_test_vm_set_SOURCES = %D%/test_vm_set.c
%C%_test_vm_set_LDADD = $(DAEMON_TEST_LIBS)
%C%_test_vm_state_SOURCES = %D%/test_vm_state.c
%C%_test_vm_state_LDADD = $(DAEMON_TEST_LIBS)

UNIT_TESTS += %D%/test_restart
%C%_test_restart_SOURCES = %D%/test_restart.c
%C%_test_restart_LDADD = $(DAEMON_TEST_LIBS)

# the half that keeps promises, over a store and connections that fail
UNIT_TESTS += %D%/test_change %D%/test_console_hub

%C%_test_change_SOURCES = %D%/test_change.c
%C%_test_change_LDADD = $(DAEMON_TEST_LIBS)
%C%_test_console_hub_SOURCES = %D%/test_console_hub.c
%C%_test_console_hub_LDADD = $(DAEMON_TEST_LIBS)
