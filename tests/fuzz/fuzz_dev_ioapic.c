/*
 * tests/fuzz/fuzz_dev_ioapic.c - the I/O APIC under any access and any state
 */
#include "tests/fuzz/fuzz_dev.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fuzz_window window = { true, 0xfec00000, 0x1000 };

	fuzz_device(&device_ioapic, &window, data, size);
	return 0;
}
