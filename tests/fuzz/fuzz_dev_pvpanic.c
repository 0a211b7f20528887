/*
 * tests/fuzz/fuzz_dev_pvpanic.c - the pvpanic port under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { false, 0x505, 1 };

	fuzz_device(&device_pvpanic, &window, data, size);
	return 0;
}
