/*
 * vmm-worker/hw/hw.h - the devices of the board, and what others ask of them
 *
 * Each is laid out in its own file; the machine reaches it through its type and
 * the few functions here.
 */
#ifndef VX_VMM_HW_H
#define VX_VMM_HW_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm-worker/device.h"

extern const struct device_type device_debug_exit;
extern const struct device_type device_ich9_pm;
extern const struct device_type device_ioapic;
extern const struct device_type device_pvpanic;
extern const struct device_type device_reset_control;
extern const struct device_type device_serial16550;

/* An input pin of the IOAPIC moved. */
void ioapic_line(struct device *ioapic, unsigned pin, bool level);
/* A local APIC ended a level-triggered interrupt with `vector`. */
void ioapic_eoi(struct device *ioapic, uint8_t vector);

/* Press and release the power button. */
void ich9_pm_power_button(struct device *pm);

#endif
