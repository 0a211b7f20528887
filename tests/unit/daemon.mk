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
