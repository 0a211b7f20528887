# Everything below schema/gen comes of one run of tools/schemagen.
SCHEMA_JSON = %D%/api.json %D%/errors.json %D%/store.json %D%/types.json %D%/worker.json
SCHEMAGEN = tools/schemagen tools/schemagen_lib/c_codec.py tools/schemagen_lib/c_rpc.py \
	tools/schemagen_lib/c_types.py tools/schemagen_lib/cname.py \
	tools/schemagen_lib/jsonschema.py tools/schemagen_lib/model.py \
	tools/schemagen_lib/reference.py
SCHEMA_GEN = $(addprefix %D%/gen/,errors.h error_info.h errors.c types.h types.c shapes.h \
	shape_list.h shape_list.c codec.h codec.c api.h api.c api_table.h api_table.c \
	api_notify.c api_client.h api_client.c worker.h worker.c worker_table.h \
	worker_table.c worker_note.c worker_client.h worker_client.c)

%D%/gen/stamp: $(SCHEMA_JSON) $(SCHEMAGEN)
	$(AM_V_GEN)$(PYTHON) $(srcdir)/tools/schemagen $(srcdir)/schema --out schema/gen \
		--version $(PACKAGE_VERSION) && touch $@
$(SCHEMA_GEN): %D%/gen/stamp
	@true

BUILT_SOURCES += %D%/gen/stamp $(SCHEMA_GEN)
CLEANFILES += %D%/gen/stamp $(SCHEMA_GEN)
EXTRA_DIST += $(SCHEMA_JSON) %D%/README.md

noinst_LIBRARIES += %D%/libschema.a %D%/libapi.a %D%/libapiclient.a %D%/libworkerapi.a \
	%D%/libworkerclient.a

%C%_libschema_a_SOURCES = \
	%D%/base64.c \
	%D%/codec.h \
	%D%/console_ring.c %D%/console_ring.h \
	%D%/decode.c \
	%D%/encode.c \
	%D%/format.c %D%/format.h \
	%D%/runtime.h \
	%D%/shape.h \
	%D%/value.c
nodist_%C%_libschema_a_SOURCES = %D%/gen/errors.c %D%/gen/types.c %D%/gen/codec.c \
	%D%/gen/api.c %D%/gen/worker.c %D%/gen/shape_list.c
%C%_libapi_a_SOURCES =
nodist_%C%_libapi_a_SOURCES = %D%/gen/api_table.c %D%/gen/api_notify.c
%C%_libapiclient_a_SOURCES =
nodist_%C%_libapiclient_a_SOURCES = %D%/gen/api_client.c
%C%_libworkerapi_a_SOURCES =
nodist_%C%_libworkerapi_a_SOURCES = %D%/gen/worker_table.c %D%/gen/worker_note.c
%C%_libworkerclient_a_SOURCES =
nodist_%C%_libworkerclient_a_SOURCES = %D%/gen/worker_client.c
