/*
 * vmm-worker/irq.c - how a device raises an interrupt
 */
#include "vmm-worker/irq.h"

#include <assert.h>

#include "vmm-worker/machine.h"

void irq_line(struct machine *m, unsigned gsi, bool level)
{
	assert(gsi < IRQ_PINS);
	m->ops->irq_line(m, gsi, level);
}

void msi_send(struct machine *m, uint64_t address, uint32_t data)
{
	m->ops->msi_send(m, address, data);
}

void irq_routes_changed(struct machine *m, const struct irq_route routes[IRQ_PINS])
{
	m->ops->irq_routes(m, routes);
}
