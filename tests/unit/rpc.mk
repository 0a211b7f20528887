# unit tests of rpc
RPC_TEST_LIBS = tests/unit/libtest.a rpc/librpc.a schema/libschema.a base/libbase.a \
	$(JANSSON_LIBS) $(UV_LIBS)

UNIT_TESTS += %D%/test_jsonrpc %D%/test_link %D%/test_rpc_client %D%/test_rpc_conn \
	%D%/test_rpc_server

%C%_test_jsonrpc_SOURCES = %D%/test_jsonrpc.c
%C%_test_jsonrpc_LDADD = $(RPC_TEST_LIBS)
%C%_test_link_SOURCES = %D%/test_link.c %D%/link_rig.c %D%/link_rig.h
%C%_test_link_LDADD = $(RPC_TEST_LIBS)
%C%_test_rpc_client_SOURCES = %D%/test_rpc_client.c
%C%_test_rpc_client_LDADD = $(RPC_TEST_LIBS)
%C%_test_rpc_conn_SOURCES = %D%/test_rpc_conn.c %D%/rpc_rig.c %D%/rpc_rig.h
%C%_test_rpc_conn_LDADD = $(RPC_TEST_LIBS)
%C%_test_rpc_server_SOURCES = %D%/test_rpc_server.c %D%/rpc_rig.c %D%/rpc_rig.h
%C%_test_rpc_server_LDADD = $(RPC_TEST_LIBS)
