# unit tests of schema
SCHEMA_TEST_LIBS = %D%/libtest.a schema/libschema.a base/libbase.a $(JANSSON_LIBS) \
	$(UV_LIBS)

UNIT_TESTS += %D%/test_base64 %D%/test_console_ring %D%/test_schema_decode \
	%D%/test_schema_encode %D%/test_schema_format

%C%_test_base64_SOURCES = %D%/test_base64.c
%C%_test_base64_LDADD = $(SCHEMA_TEST_LIBS)
%C%_test_console_ring_SOURCES = %D%/test_console_ring.c
%C%_test_console_ring_LDADD = $(SCHEMA_TEST_LIBS)
%C%_test_schema_decode_SOURCES = %D%/test_schema_decode.c %D%/odd_shape.c %D%/odd_shape.h
%C%_test_schema_decode_LDADD = $(SCHEMA_TEST_LIBS)
%C%_test_schema_encode_SOURCES = %D%/test_schema_encode.c %D%/odd_shape.c %D%/odd_shape.h \
	%D%/shape_rig.c %D%/shape_rig.h
%C%_test_schema_encode_LDADD = $(SCHEMA_TEST_LIBS)
%C%_test_schema_format_SOURCES = %D%/test_schema_format.c
%C%_test_schema_format_LDADD = $(SCHEMA_TEST_LIBS)

SCRIPTS_PLAIN += %D%/test_schemagen.py
