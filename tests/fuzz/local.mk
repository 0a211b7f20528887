# Each target is FUZZ_TARGETS += tests/fuzz/fuzz_x. Built for libFuzzer with
# --enable-fuzzing, else with a main() that replays the corpus.
if FUZZING
FUZZ_MAIN =
FUZZ_LINK = -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK =
endif

include tests/fuzz/schema.mk
include tests/fuzz/rpc.mk
include tests/fuzz/vmm_pure.mk
include tests/fuzz/vmm.mk

# The targets and what they need, without the rest; and their names, for tools/fuzz.
fuzz-programs: $(BUILT_SOURCES)
	@$(MAKE) $(AM_MAKEFLAGS) $(FUZZ_TARGETS)
print-fuzz-targets:
if FUZZING
	@printf '%s\n' $(FUZZ_TARGETS)
else
	@echo "not configured with --enable-fuzzing" >&2; false
endif

.PHONY: fuzz-programs print-fuzz-targets
