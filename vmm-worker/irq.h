/*
 * vmm-worker/irq.h - how a device raises an interrupt
 *
 * A device knows nothing of interrupt controllers: it moves a line or sends a
 * message. The machine's operations say where that goes, to the IOAPIC and KVM in
 * a VM, to a recorder in a test.
 */
#ifndef VX_VMM_IRQ_H
#define VX_VMM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

#define IRQ_PINS 24    /* of the IOAPIC; line n is GSI n */
#define IRQ_GSI_COM1 4 /* edge */
#define IRQ_GSI_SCI 9  /* level */

/* Where an IOAPIC pin leads: a message for the local APICs. */
struct irq_route {
	uint64_t address;
	uint32_t data;
	bool used; /* false while the guest has not yet unmasked the pin */
};

/* Move line `gsi` (< IRQ_PINS). Callable from any thread, also with the device's
 * lock held. */
void irq_line(struct machine *m, unsigned gsi, bool level);
/* Send a message-signalled interrupt. From any thread. */
void msi_send(struct machine *m, uint64_t address, uint32_t data);
/* The IOAPIC's pins lead elsewhere now. */
void irq_routes_changed(struct machine *m, const struct irq_route routes[IRQ_PINS]);

#endif
