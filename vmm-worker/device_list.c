/*
 * vmm-worker/device_list.c - every device a VM can have; nothing registers itself
 */
#include "vmm-worker/device.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

static bool always(const struct vm_definition *d)
{
	return true;
}

static bool debug_exit(const struct vm_definition *d)
{
	return d->debug_exit;
}

/* In the order of reset and of the state stream. */
static const struct {
	const struct device_type *type;
	const char *name;
	bool (*wanted)(const struct vm_definition *d);
} device_list[] = {
	{ &device_ioapic, "ioapic0", always },
	{ &device_serial16550, "com1", always },
	{ &device_ich9_pm, "pm", always },
	{ &device_reset_control, "reset", always },
	{ &device_pvpanic, "pvpanic", always },
	{ &device_debug_exit, "debug-exit", debug_exit },
};
static_assert(COUNT(device_list) <= MACHINE_DEVICES_MAX, "machine.h has the room");

struct device *device_new(const struct device_type *type, const char *name,
			  struct machine *machine, struct err **e)
{
	autoptr(device) dev = mem_alloc(type->size);

	dev->type = type;
	dev->machine = machine;
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	pthread_mutex_init(&dev->lock, NULL);
	if (type->attach(dev, e) < 0)
		return NULL;
	type->reset(dev);
	return steal(dev);
}

void device_free(struct device *dev)
{
	if (!dev)
		return;
	if (dev->type->destroy)
		dev->type->destroy(dev);
	pthread_mutex_destroy(&dev->lock);
	free(dev);
}

void device_save(struct device *dev, struct str *out)
{
	pthread_mutex_lock(&dev->lock);
	state_save(out, dev->type->name, dev->name, &dev->type->state, dev);
	pthread_mutex_unlock(&dev->lock);
}

int device_load(struct device *dev, const struct state_section *section, struct err **e)
{
	const struct device_type *type = dev->type;
	int rc;

	pthread_mutex_lock(&dev->lock);
	rc = state_load(section, &type->state, dev, type->size, e);
	if (rc == 0 && type->loaded)
		rc = type->loaded(dev, e);
	pthread_mutex_unlock(&dev->lock);
	if (rc < 0)
		return err_wrap(e, "state of device %s", dev->name);
	return 0;
}

int machine_add_devices(struct machine *m, struct err **e)
{
	for (size_t i = 0; i < COUNT(device_list); i++) {
		if (!device_list[i].wanted(m->definition))
			continue;

		struct device *dev =
			device_new(device_list[i].type, device_list[i].name, m, e);

		if (!dev)
			return -1;
		m->devices[m->n_devices++] = dev;
		if (dev->type == &device_ioapic)
			m->ioapic = dev;
		if (dev->type == &device_ich9_pm)
			m->pm = dev;
	}
	return 0;
}
