/*
 * tests/fuzz/fuzz_boot.c - any file as a kernel, by each protocol
 *
 * What must hold when one is taken: its entry lies in guest memory that is not
 * ours, and the GDT is the one we wrote.
 */
#include <stdlib.h>

#include "tests/unit/boot_rig.h"
#include "vmm-worker/boot/loader.h"

#define RAM (16 * RIG_MIB)
#define FLAT_DATA 0x00cf93000000ffff

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(struct boot_rig *rig)
{
	uint64_t ip = rig->entry.ip;

	if (ip >= RAM || (ip >= BOOT_DATA && ip < BOOT_DATA_END) ||
	    (ip >= MAP_EBDA && ip < LOW_MIB) ||
	    boot_rig_u64(rig, rig->entry.gdt + rig->entry.data_selector) != FLAT_DATA)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_rig rig;

	boot_rig_init(&rig, RAM);
	boot_rig_module(&rig, boot_rig_file("initrd", 6, 6), NULL);
	for (int p = 0; p < BOOT_PROTOCOL_COUNT; p++) {
		rig.request.protocol = (enum boot_protocol)p;
		if (boot_rig_load(&rig, data, size) == 0)
			check_entry(&rig);
	}
	boot_rig_fini(&rig);
	return 0;
}
