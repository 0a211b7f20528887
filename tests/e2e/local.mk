SCRIPTS_PLAIN += %D%/test_vxd.py %D%/test_vxd_restart.py
SCRIPTS_BOXED += %D%/test_debian.py
EXTRA_DIST += %D%/session.py %D%/jsonrpc.py %D%/fake.py
