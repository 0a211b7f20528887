# fuzz targets of rpc
FUZZ_RPC_LIBS = rpc/librpc.a schema/libschema.a base/libbase.a $(JANSSON_LIBS) $(UV_LIBS)

FUZZ_TARGETS += %D%/fuzz_jsonrpc
%C%_fuzz_jsonrpc_SOURCES = %D%/fuzz_jsonrpc.c $(FUZZ_MAIN)
%C%_fuzz_jsonrpc_LDADD = $(FUZZ_RPC_LIBS)
%C%_fuzz_jsonrpc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)

FUZZ_TARGETS += %D%/fuzz_link
%C%_fuzz_link_SOURCES = %D%/fuzz_link.c $(FUZZ_MAIN)
%C%_fuzz_link_LDADD = $(FUZZ_RPC_LIBS)
%C%_fuzz_link_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
