/*
 * tests/unit/boot_rig.c - guest memory and a boot request, for tests of loaders
 */
#include "tests/unit/boot_rig.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "vmm-worker/memory_map.h"

void boot_rig_init(struct boot_rig *rig, uint64_t ram)
{
	static const char *const names[] = { "ram/0", "ram/1" };
	struct map_range ranges[2] = { 0 };
	size_t n = memory_map_ram(ram, ranges);

	*rig = (struct boot_rig){ 0 };
	guest_memory_init(&rig->memory);
	for (size_t i = 0; i < n && i < COUNT(names); i++)
		if (guest_memory_add(&rig->memory, names[i], MEMORY_ANON,
				     ranges[i].start, ranges[i].size, NULL) < 0)
			abort();
	rig->request = (struct boot_request){ .memory = &rig->memory,
					      .ram = ram,
					      .protocol = BOOT_PROTOCOL_AUTO,
					      .kernel_fd = -1,
					      .cmdline = "console=ttyS0",
					      .rsdp = MAP_RSDP };
}

void boot_rig_fini(struct boot_rig *rig)
{
	for (size_t i = 0; i < rig->request.n_modules; i++)
		close(rig->request.modules[i].fd);
	guest_memory_fini(&rig->memory);
	err_free(rig->e);
}

int boot_rig_file(const void *bytes, size_t len, uint64_t size)
{
	int fd = memfd_create("boot-rig", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, bytes, len) < 0 ||
	    (size > len && ftruncate(fd, (off_t)size) < 0))
		abort();
	return fd;
}

void boot_rig_module(struct boot_rig *rig, int fd, const char *cmdline)
{
	rig->request.modules[rig->request.n_modules++] =
		(struct boot_module){ .fd = fd, .cmdline = cmdline };
}

int boot_rig_load_fd(struct boot_rig *rig, int fd)
{
	int rc;

	err_free(rig->e);
	rig->e = NULL;
	rig->request.kernel_fd = fd;
	rc = boot_load(&rig->request, &rig->entry, &rig->e);
	close(fd);
	/* Failure without a sentence, or success with one, is our bug. */
	if ((rc < 0) != (rig->e != NULL))
		abort();
	return rc;
}

int boot_rig_load(struct boot_rig *rig, const void *kernel, size_t len)
{
	return boot_rig_load_fd(rig, boot_rig_file(kernel, len, len));
}

const uint8_t *boot_rig_at(struct boot_rig *rig, uint64_t addr, uint64_t len)
{
	struct guest_span s;

	if (guest_span_get(&rig->memory, addr, len, &s) < 0)
		abort();
	return s.data;
}

uint32_t boot_rig_u32(struct boot_rig *rig, uint64_t addr)
{
	return le32_get(boot_rig_at(rig, addr, 4));
}

uint64_t boot_rig_u64(struct boot_rig *rig, uint64_t addr)
{
	return le64_get(boot_rig_at(rig, addr, 8));
}
