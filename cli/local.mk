# vxctl: everything but main.c is an archive, so that tests link its modules.
noinst_LIBRARIES += %D%/libcli.a
%C%_libcli_a_SOURCES = \
	%D%/action.c %D%/action.h \
	%D%/admin.c \
	%D%/command.c %D%/command.h \
	%D%/console.c %D%/console.h \
	%D%/console_attach.c \
	%D%/create.c \
	%D%/events.c \
	%D%/flags.c %D%/flags.h \
	%D%/format.c %D%/format.h \
	%D%/list.c \
	%D%/output.c %D%/output.h \
	%D%/power.c %D%/power.h \
	%D%/run.c %D%/run.h \
	%D%/set.c \
	%D%/table.c %D%/table.h \
	%D%/terminal.c %D%/terminal.h \
	%D%/version.c \
	%D%/vm_spec.c %D%/vm_spec.h \
	%D%/vm_text.c %D%/vm_text.h \
	%D%/wait.c \
	%D%/watch.c %D%/watch.h

CLI_LIBS = cli/libcli.a schema/libapiclient.a rpc/librpc.a schema/libschema.a \
	base/libbase.a

bin_PROGRAMS += vxctl
vxctl_SOURCES = %D%/main.c
vxctl_LDADD = $(CLI_LIBS) $(JANSSON_LIBS) $(UV_LIBS)

dist_man_MANS += docs/man/vxctl.1
