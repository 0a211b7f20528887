# vxd and vx-keeper: all but the two main files is an archive, so that tests link it.
noinst_LIBRARIES += %D%/libdaemon.a
%C%_libdaemon_a_SOURCES = \
	%D%/admission.c %D%/admission.h \
	%D%/api_other.c \
	%D%/api_update.c \
	%D%/api_vm.c \
	%D%/change.c %D%/change.h \
	%D%/client.c %D%/client.h \
	%D%/console_hub.c %D%/console_hub.h \
	%D%/definition.c %D%/definition.h \
	%D%/ephemeral.c %D%/ephemeral.h \
	%D%/events.c %D%/events.h \
	%D%/exit_record.c %D%/exit_record.h \
	%D%/instance.c %D%/instance.h %D%/instance_internal.h \
	%D%/instance_calls.c \
	%D%/instance_end.c \
	%D%/keeper_id.c %D%/keeper_id.h \
	%D%/listen.c %D%/listen.h \
	%D%/planner.c %D%/planner.h \
	%D%/recover.c %D%/recover.h \
	%D%/restart.c %D%/restart.h \
	%D%/spawn.c %D%/spawn.h \
	%D%/start.c %D%/start.h \
	%D%/vm.c %D%/vm.h \
	%D%/vm_state.c %D%/vm_state.h \
	%D%/vxd.h
include %D%/store.mk

# The method table and its handlers need one another.
DAEMON_LIBS = daemon/libdaemon.a schema/libapi.a daemon/libdaemon.a \
	schema/libworkerclient.a rpc/librpc.a schema/libschema.a base/libbase.a
DAEMON_TEST_LIBS = tests/unit/libtest.a $(DAEMON_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) \
	$(UV_LIBS) -lpthread

sbin_PROGRAMS += vxd
vxd_SOURCES = %D%/main.c
vxd_LDADD = $(DAEMON_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(UV_LIBS) -lpthread

pkglibexec_PROGRAMS += vx-keeper
vx_keeper_SOURCES = %D%/keeper.c
vx_keeper_LDADD = daemon/libdaemon.a schema/libschema.a base/libbase.a $(JANSSON_LIBS) \
	$(UV_STATIC_LIBS)
vx_keeper_LDFLAGS = $(AM_LDFLAGS) $(VX_STATIC_LDFLAGS)
