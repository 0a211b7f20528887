# tests/lib: small helpers of the tests
noinst_PROGRAMS += %D%/ground
%C%_ground_SOURCES = %D%/ground.c
