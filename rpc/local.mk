# One object a file: the worker links call, jsonrpc and link, and no server.
noinst_LIBRARIES += %D%/librpc.a
%C%_librpc_a_SOURCES = \
	%D%/call.c %D%/call.h \
	%D%/client.c %D%/client.h \
	%D%/conn.c %D%/conn.h \
	%D%/exchange.c \
	%D%/jsonrpc.c %D%/jsonrpc.h \
	%D%/link.c %D%/link.h \
	%D%/method.h \
	%D%/server.c %D%/server.h
