SCRIPTS_BOXED += %D%/test_debian.py
EXTRA_DIST += %D%/session.py %D%/jsonrpc.py
