# fuzz target of the worker's state stream
FUZZ_TARGETS += %D%/fuzz_state
%C%_fuzz_state_SOURCES = %D%/fuzz_state.c $(FUZZ_MAIN)
%C%_fuzz_state_LDADD = $(VMM_TEST_LIBS)
%C%_fuzz_state_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
