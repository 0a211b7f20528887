/*
 * tests/guest/guest.h - the micro guest: what its parts share
 *
 * One 32-bit program without paging, behind a small entry for each boot protocol.
 * It prints what it was told and what it finds, then does what the words of its
 * command line say:
 *
 *   cpus=N        bring up N CPUs and count them        "cpus=N up"
 *   test=timer    watch the PM timer                    "timer ok"
 *   test=irq      print a line by interrupts            "irq ok"
 *   end=poweroff  ACPI S5           end=reset      port 0xcf9
 *   end=triple    triple fault      end=exit:N     byte N to the debug-exit port
 *   end=panic     write to pvpanic  end=spin       turn for ever
 *   end=hlt       halt for ever
 *   end=button[:N]  wait for N presses of the power button, then power off
 *   end=echo      echo lines until "quit", then power off
 *   end=reset-once, end=triple-once
 *                 reset so in the first boot, power off in the second
 */
#ifndef VX_GUEST_H
#define VX_GUEST_H

#include "lib/io.h"
#include "lib/print.h"

#define GUEST_CMDLINE_MAX 4096
#define GUEST_MODULES_MAX 20

/* Memory that is used where it lies. */
#define MARKER_ADDRESS 0x500	  /* outlives a reset */
#define TRAMPOLINE_ADDRESS 0x8000 /* first code of the other CPUs */

struct guest {
	const char *protocol;
	char cmdline[GUEST_CMDLINE_MAX];
	uint64_t ram; /* bytes of RAM that the memory map told of */
	uint32_t map_entries;
	struct {
		uint32_t start, size;
	} modules[GUEST_MODULES_MAX];
	uint32_t n_modules;
	uint32_t rsdp; /* 0: not told */
};

/*
 * What the entry of a protocol hands over: registers and what it found broken of
 * the protocol's promises about the machine's state.
 */
struct boot_handover {
	uint32_t info;	 /* address of the boot information */
	uint32_t magic;	 /* multiboot: eax */
	uint32_t bits;	 /* of the entry: 32 or 64 */
	uint32_t broken; /* 0: the state is as the protocol promises */
	/* Read the boot information; false when it is not there. */
	bool (*parse)(const struct boot_handover *h, struct guest *g);
};

/* boot_PROTOCOL.c, named by the entry in boot_PROTOCOL.S */
bool boot_parse_linux(const struct boot_handover *h, struct guest *g);
bool boot_parse_pvh(const struct boot_handover *h, struct guest *g);
bool boot_parse_multiboot(const struct boot_handover *h, struct guest *g);
/* For the parsers. */
void guest_set_cmdline(struct guest *g, uint32_t address);
void guest_add_module(struct guest *g, uint32_t start, uint32_t size);
void guest_add_range(struct guest *g, uint64_t size, uint32_t type);

/* acpi.c: the RSDP, given or found by a scan; 0 when there is none. */
uint32_t rsdp_find(const struct guest *g);
/* Ids of the local APICs that the MADT lists as enabled: how many. */
uint32_t madt_apic_ids(uint32_t rsdp, uint8_t *ids, uint32_t max);

/* timer.c: the PM timer as a stopwatch. */
struct stopwatch {
	uint32_t last, ticks;
};
#define PM_TIMER_HZ 3579545u
struct stopwatch stopwatch_start(void);
/* Ticks since the start. Must be asked at least every 4 seconds. */
uint32_t stopwatch_ticks(struct stopwatch *w);
void test_timer(void);

/* irq.c: IDT, local APIC, IOAPIC. */
#define GSI_COM1 4
#define GSI_SCI 9
void irq_init(void);
/* Deliver `gsi` to `handler` on this CPU. */
void irq_route(uint32_t gsi, bool level, void (*handler)(void));
void test_irq(void);

/* smp.c, echo.c, ends.c */
void test_smp(const uint8_t *ids, uint32_t n_ids, uint32_t wanted);
void echo_lines(void);
void guest_end(const char *how) __attribute__((noreturn));
void power_off(void) __attribute__((noreturn));

#define LAPIC 0xfee00000u
#define LAPIC_ID 0x20
#define LAPIC_EOI 0xb0
#define LAPIC_SPURIOUS 0xf0
#define LAPIC_ICR_LOW 0x300
#define LAPIC_ICR_HIGH 0x310
#define LAPIC_LVT_LINT0 0x350

#endif
