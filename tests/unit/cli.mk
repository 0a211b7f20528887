# unit tests of vxctl; test_vxctl.py runs the program against a vxd of its own making
CLI_TEST_LIBS = %D%/libtest.a $(CLI_LIBS) $(JANSSON_LIBS) $(UV_LIBS)

UNIT_TESTS += %D%/test_cli_flags %D%/test_cli_format %D%/test_cli_text

%C%_test_cli_flags_SOURCES = %D%/test_cli_flags.c
%C%_test_cli_flags_LDADD = $(CLI_TEST_LIBS)
%C%_test_cli_format_SOURCES = %D%/test_cli_format.c
%C%_test_cli_format_LDADD = $(CLI_TEST_LIBS)
%C%_test_cli_text_SOURCES = %D%/test_cli_text.c
%C%_test_cli_text_LDADD = $(CLI_TEST_LIBS)

SCRIPTS_PLAIN += %D%/test_vxctl.py %D%/test_cli_schema.py
EXTRA_DIST += %D%/fake_vxd.py
