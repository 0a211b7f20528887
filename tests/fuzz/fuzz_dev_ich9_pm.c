/*
 * tests/fuzz/fuzz_dev_ich9_pm.c - ICH9 power management under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { false, 0x600, 0x30 };

	fuzz_device(&device_ich9_pm, &window, data, size);
	return 0;
}
