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
