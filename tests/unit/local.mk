# Test programs of one module each; every folder's lines come in by include.
noinst_LIBRARIES += %D%/libtest.a
%C%_libtest_a_SOURCES = %D%/test.c %D%/test.h

include tests/unit/base.mk
include tests/unit/schema.mk
include tests/unit/rpc.mk
include tests/unit/vmm.mk
include tests/unit/daemon.mk
include tests/unit/cli.mk
