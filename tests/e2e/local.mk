SCRIPTS_PLAIN += %D%/test_vxd.py %D%/test_vxd_policy.py %D%/test_vxd_restart.py %D%/test_vxd_rpc.py \
	%D%/test_vxd_store.py %D%/test_vxd_update.py %D%/test_vxd_worker.py
SCRIPTS_BOXED += %D%/test_debian.py
EXTRA_DIST += %D%/session.py %D%/jsonrpc.py %D%/fake.py
EXTRA_DIST += %D%/soak.py %D%/soak_host.py %D%/matrix.py
