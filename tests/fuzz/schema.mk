# fuzz target of schema
FUZZ_TARGETS += %D%/fuzz_schema
%C%_fuzz_schema_SOURCES = %D%/fuzz_schema.c $(FUZZ_MAIN)
%C%_fuzz_schema_LDADD = schema/libschema.a base/libbase.a $(JANSSON_LIBS) $(UV_LIBS)
%C%_fuzz_schema_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
