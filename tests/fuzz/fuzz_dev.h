/*
 * tests/fuzz/fuzz_dev.h - drive one device by accesses and by loaded states
 *
 * The input is a list of commands, each a byte and what it needs: accesses of any
 * size and place, loaded states, and what reaches the device from elsewhere.
 */
#ifndef VX_TESTS_FUZZ_DEV_H
#define VX_TESTS_FUZZ_DEV_H

#include <stdint.h>

#include "tests/unit/fake_machine.h"

/* Where a device answers; a command picks an offset within. */
struct fuzz_window {
	bool mmio;
	uint64_t start;
	uint32_t size;
};

void fuzz_device(const struct device_type *type, const struct fuzz_window *window,
		 const uint8_t *data, size_t size);

#endif
