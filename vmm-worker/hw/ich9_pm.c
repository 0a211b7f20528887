/*
 * vmm-worker/hw/ich9_pm.c - power management of the ICH9: PM1, timer, GPE0
 *
 * ACPI 6.4 §4.8 in the places where ICH9 has them below PMBASE. There is no SMI
 * and no legacy mode (the FADT has no SMI command), so SCI_EN reads as 1 always.
 *
 * Registers are bytes with two masks, so that any access width works and no
 * register needs code of its own:
 *
 *   status  1s that the guest writes are cleared
 *   store   bits that hold what the guest writes
 *
 * The PM timer is computed from the machine's clock and thus rests while the
 * machine is paused. Its carry sets TMR_STS when somebody looks; no guest of this
 * board runs on the carry's interrupt, as the timer has 32 bits.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define PMBASE 0x600
#define PM1_STS 0x00
#define PM1_EN 0x02
#define PM1_CNT 0x04
#define PM1_END 0x06
#define PM_TMR 0x08
#define PM_TMR_END 0x0c
#define GPE0_STS 0x20
#define GPE0_EN 0x28
#define PM_END 0x30

#define PM1_STS_TMR 0x01	  /* byte 0 */
#define PM1_STS_PWRBTN 0x01	  /* byte 1: bit 8 of PM1 */
#define PM1_CNT_SCI_EN 0x01	  /* byte 0 */
#define PM1_CNT_SLP_TYP_MASK 0x1c /* byte 1: bits 10-12 */
#define PM1_CNT_SLP_EN 0x20	  /* byte 1: bit 13 */
#define SLP_TYP_S5 0x00		  /* as the DSDT's \_S5 says */

#define PM_TIMER_HZ 3579545ull

struct ich9_pm {
	struct device dev;
	uint8_t regs[PM_END]; /* but the timer */
	uint64_t carries;     /* of the timer that TMR_STS has shown */
	bool sci;	      /* level that the line has */
};

/* clang-format off */
static const struct {
	uint8_t status, store;
} masks[PM_END] = {
	/* TMR, BM, GBL; PWRBTN, SLPBTN, RTC, PCIEXP_WAKE, WAK */
	[PM1_STS] = { .status = 0x31 }, [PM1_STS + 1] = { .status = 0xc7 },
	[PM1_EN]  = { .store = 0x21 },  [PM1_EN + 1]  = { .store = 0x07 },
	/* BM_RLD; SLP_TYP */
	[PM1_CNT] = { .store = 0x02 },
	[PM1_CNT + 1] = { .store = PM1_CNT_SLP_TYP_MASK },
	[GPE0_STS ... GPE0_STS + 7] = { .status = 0xff },
	[GPE0_EN ... GPE0_EN + 7]   = { .store = 0xff },
};
/* clang-format on */

static uint64_t timer_ticks(const struct ich9_pm *pm)
{
	uint64_t ns = guest_clock_ns(&pm->dev.machine->clock);

	return (uint64_t)((unsigned __int128)ns * PM_TIMER_HZ / 1000000000u);
}

/* TMR_STS is set each time the top bit of the timer changes (§4.8.2.1). */
static void show_carry(struct ich9_pm *pm)
{
	uint64_t carries = timer_ticks(pm) >> 31;

	if (carries != pm->carries)
		pm->regs[PM1_STS] |= PM1_STS_TMR;
	pm->carries = carries;
}

static bool any_enabled(const uint8_t *status, const uint8_t *enabled, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= status[i] & enabled[i];
	return any != 0;
}

static bool sci_level(const struct ich9_pm *pm)
{
	return any_enabled(&pm->regs[PM1_STS], &pm->regs[PM1_EN], 2) ||
	       any_enabled(&pm->regs[GPE0_STS], &pm->regs[GPE0_EN], 8);
}

static void update_sci(struct ich9_pm *pm)
{
	bool sci = sci_level(pm);

	if (sci != pm->sci)
		irq_line(pm->dev.machine, IRQ_GSI_SCI, sci);
	pm->sci = sci;
}

static uint64_t pm_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct ich9_pm *pm = container_of(dev, struct ich9_pm, dev);
	uint32_t timer = (uint32_t)timer_ticks(pm);
	uint64_t value = 0;

	pthread_mutex_lock(&dev->lock);
	show_carry(pm);
	update_sci(pm);
	for (unsigned i = 0; i < size; i++) {
		uint64_t at = offset + i;
		uint8_t byte = pm->regs[at];

		if (at >= PM_TMR && at < PM_TMR_END)
			byte = (uint8_t)(timer >> ((at - PM_TMR) * 8));
		value |= (uint64_t)byte << (i * 8);
	}
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void write_byte(struct ich9_pm *pm, uint64_t at, uint8_t byte)
{
	uint8_t *reg = &pm->regs[at];

	*reg &= (uint8_t) ~(byte & masks[at].status);
	*reg = (uint8_t)((*reg & ~masks[at].store) | (byte & masks[at].store));
}

static void pm_write(struct device *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct ich9_pm *pm = container_of(dev, struct ich9_pm, dev);
	bool sleep = false;

	pthread_mutex_lock(&dev->lock);
	show_carry(pm);
	for (unsigned i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> (i * 8));

		write_byte(pm, offset + i, byte);
		if (offset + i == PM1_CNT + 1)
			sleep = (byte & PM1_CNT_SLP_EN) &&
				(byte & PM1_CNT_SLP_TYP_MASK) == SLP_TYP_S5;
	}
	update_sci(pm);
	pthread_mutex_unlock(&dev->lock);
	if (sleep)
		machine_guest_end(dev->machine, END_REASON_GUEST_POWEROFF, 0);
}

void ich9_pm_power_button(struct device *dev)
{
	struct ich9_pm *pm = container_of(dev, struct ich9_pm, dev);

	pthread_mutex_lock(&dev->lock);
	pm->regs[PM1_STS + 1] |= PM1_STS_PWRBTN;
	update_sci(pm);
	pthread_mutex_unlock(&dev->lock);
}

static const struct bus_ops pm_ops = {
	.read = pm_read,
	.write = pm_write,
	.width = 4,
};

static int pm_attach(struct device *dev, struct err **e)
{
	const struct bus_region regions[] = {
		{ PMBASE, PM_END, &pm_ops, dev },
	};

	return bus_add(&dev->machine->ports, &regions[0], e);
}

static void pm_reset(struct device *dev)
{
	struct ich9_pm *pm = container_of(dev, struct ich9_pm, dev);

	memset(pm->regs, 0, sizeof(pm->regs));
	pm->regs[PM1_CNT] = PM1_CNT_SCI_EN;
	pm->carries = timer_ticks(pm) >> 31;
	update_sci(pm);
}

static int pm_loaded(struct device *dev, struct err **e)
{
	struct ich9_pm *pm = container_of(dev, struct ich9_pm, dev);

	for (size_t i = 0; i < PM_END; i++) {
		uint8_t may = masks[i].status | masks[i].store;

		if (i == PM1_CNT)
			may |= PM1_CNT_SCI_EN;
		if (pm->regs[i] & ~may)
			return err_set(e, ERR_INVALID_PARAMS,
				       "register 0x%zx holds 0x%02x", PMBASE + i,
				       pm->regs[i]);
	}
	pm->regs[PM1_CNT] |= PM1_CNT_SCI_EN;
	pm->sci = !sci_level(pm); /* so that the line is set in any case */
	update_sci(pm);
	return 0;
}

static const struct state_field pm_fields[] = {
	STATE_FIELD(1, STATE_BYTES, struct ich9_pm, regs),
	STATE_FIELD(2, STATE_U64, struct ich9_pm, carries),
};

const struct device_type device_ich9_pm = {
	.name = "ich9-pm",
	.state = { pm_fields, COUNT(pm_fields), 1 },
	.size = sizeof(struct ich9_pm),
	.attach = pm_attach,
	.reset = pm_reset,
	.loaded = pm_loaded,
};
