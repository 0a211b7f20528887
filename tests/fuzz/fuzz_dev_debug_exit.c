/*
 * tests/fuzz/fuzz_dev_debug_exit.c - the debug-exit port under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { false, 0xf4, 1 };

	fuzz_device(&device_debug_exit, &window, data, size);
	return 0;
}
