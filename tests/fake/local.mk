# A worker without a guest, for the tests of vxd and keeper. It runs in the worker's
# empty root, so it is static like the worker.
check_PROGRAMS += %D%/fake_worker
%C%_fake_worker_SOURCES = %D%/fake_worker.c %D%/fake_worker.h %D%/script.c
%C%_fake_worker_LDADD = rpc/librpc.a schema/libworkerapi.a schema/libschema.a \
	base/libbase.a $(JANSSON_LIBS) $(UV_STATIC_LIBS)
%C%_fake_worker_LDFLAGS = $(AM_LDFLAGS) $(VX_STATIC_LDFLAGS)
