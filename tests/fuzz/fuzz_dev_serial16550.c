/*
 * tests/fuzz/fuzz_dev_serial16550.c - the UART under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { false, 0x3f8, 8 };

	fuzz_device(&device_serial16550, &window, data, size);
	return 0;
}
