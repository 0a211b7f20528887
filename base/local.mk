noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/bytes.h \
	%D%/channel.c %D%/channel.h \
	%D%/cleanup.h \
	%D%/clock.h \
	%D%/err.c %D%/err.h \
	%D%/fd.c %D%/fd.h \
	%D%/id.c %D%/id.h \
	%D%/jail.c %D%/jail.h \
	%D%/log.c %D%/log.h \
	%D%/loop.c %D%/loop.h \
	%D%/mem.c %D%/mem.h \
	%D%/paths.c %D%/paths.h \
	%D%/str.c %D%/str.h
