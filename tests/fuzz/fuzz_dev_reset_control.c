/*
 * tests/fuzz/fuzz_dev_reset_control.c - the reset control register under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { false, 0xcf9, 1 };

	fuzz_device(&device_reset_control, &window, data, size);
	return 0;
}
