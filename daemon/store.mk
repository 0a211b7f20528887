# the store of vxd
%C%_libdaemon_a_SOURCES += \
	%D%/store.c %D%/store.h %D%/store_internal.h \
	%D%/store_batch.c \
	%D%/store_check.c %D%/store_check.h \
	%D%/store_commit.c \
	%D%/store_db.c %D%/store_db.h \
	%D%/store_dir.c %D%/store_dir.h \
	%D%/store_files.c %D%/store_files.h \
	%D%/store_recover.c \
	%D%/store_schema.c %D%/store_schema.h \
	%D%/store_writer.c %D%/store_writer.h
