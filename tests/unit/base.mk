# unit tests of base
BASE_TEST_LIBS = %D%/libtest.a base/libbase.a $(UV_LIBS)

UNIT_TESTS += %D%/test_base_channel %D%/test_base_err %D%/test_base_fd %D%/test_base_id \
	%D%/test_base_jail %D%/test_base_loop %D%/test_base_paths %D%/test_base_str

%C%_test_base_channel_SOURCES = %D%/test_base_channel.c
%C%_test_base_channel_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_err_SOURCES = %D%/test_base_err.c
%C%_test_base_err_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_fd_SOURCES = %D%/test_base_fd.c
%C%_test_base_fd_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_id_SOURCES = %D%/test_base_id.c
%C%_test_base_id_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_jail_SOURCES = %D%/test_base_jail.c
%C%_test_base_jail_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_loop_SOURCES = %D%/test_base_loop.c
%C%_test_base_loop_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_paths_SOURCES = %D%/test_base_paths.c
%C%_test_base_paths_LDADD = $(BASE_TEST_LIBS)
%C%_test_base_str_SOURCES = %D%/test_base_str.c
%C%_test_base_str_LDADD = $(BASE_TEST_LIBS)

# What test_base_jail jails: static, as the worker is.
check_PROGRAMS += %D%/jail_inmate
%C%_jail_inmate_SOURCES = %D%/jail_inmate.c
%C%_jail_inmate_LDFLAGS = $(AM_LDFLAGS) $(VX_STATIC_LDFLAGS)
