/*
 * tests/guest/irq.c - interrupts from the IOAPIC by way of the local APIC
 */
#include "guest.h"

#define IOAPIC 0xfec00000u
#define IOAPIC_WINDOW 0x10
#define IOAPIC_REDIRECTION 0x10
#define IOAPIC_LEVEL 0x8000u
#define VECTOR_FIRST 0x30 /* of GSI 0 */
#define VECTOR_SPURIOUS 0xff
#define IDT_GATES 256
#define GATE_INTERRUPT 0x8e00u
#define CODE_SELECTOR 0x08u
#define MASKED 0x10000u

#define IER_THRE 0x02
#define IIR 2
#define IIR_NONE 0x01
#define IIR_THRE 0x02

/* irq_entry.S: what the gates point at, and what it calls. */
extern const char isr_com1[], isr_sci[], isr_spurious[], isr_fault[], isr_fault_code[];
void irq_com1(void);
void irq_sci(void);
void irq_fault(uint32_t code, uint32_t eip);

static struct {
	uint32_t low, high;
} idt[IDT_GATES];
static void (*handler_com1)(void), (*handler_sci)(void);

static void lapic_write(uint32_t reg, uint32_t value)
{
	*at32(LAPIC + reg) = value;
}

void irq_fault(uint32_t code, uint32_t eip)
{
	print("exception at %x, error code %x\n", eip, code);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void irq_com1(void)
{
	handler_com1();
	lapic_write(LAPIC_EOI, 0);
}

void irq_sci(void)
{
	handler_sci();
	lapic_write(LAPIC_EOI, 0);
}

static void set_gate(uint32_t vector, const char *code)
{
	uint32_t address = (uint32_t)code;

	idt[vector].low = CODE_SELECTOR << 16 | (address & 0xffff);
	idt[vector].high = (address & 0xffff0000u) | GATE_INTERRUPT;
}

static bool has_error_code(uint32_t exception)
{
	return exception == 8 || (exception >= 10 && exception <= 14) ||
	       exception == 17;
}

void irq_init(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint32_t)idt };

	for (uint32_t i = 0; i < 32; i++)
		set_gate(i, has_error_code(i) ? isr_fault_code : isr_fault);
	set_gate(VECTOR_FIRST + GSI_COM1, isr_com1);
	set_gate(VECTOR_FIRST + GSI_SCI, isr_sci);
	set_gate(VECTOR_SPURIOUS, isr_spurious);
	__asm__ volatile("lidt %0" : : "m"(idtr));
	lapic_write(LAPIC_LVT_LINT0, MASKED); /* a PC's firmware left the PIC on it */
	lapic_write(LAPIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
}

static void ioapic_write(uint32_t reg, uint32_t value)
{
	*at32(IOAPIC) = reg;
	*at32(IOAPIC + IOAPIC_WINDOW) = value;
}

void irq_route(uint32_t gsi, bool level, void (*handler)(void))
{
	uint32_t entry = IOAPIC_REDIRECTION + gsi * 2;

	if (gsi == GSI_COM1)
		handler_com1 = handler;
	else
		handler_sci = handler;
	ioapic_write(entry + 1, *at32(LAPIC + LAPIC_ID) & 0xff000000u);
	ioapic_write(entry, (VECTOR_FIRST + gsi) | (level ? IOAPIC_LEVEL : 0));
}

static const char by_irq[] = "this line went out by interrupts\r\n";
static volatile uint32_t sent;

/* One byte for each interrupt, so that each of them is needed. */
static void send_next(void)
{
	uint8_t iir = in8(COM1 + IIR);

	if ((iir & IIR_NONE) || (iir & 0x0f) != IIR_THRE)
		return;
	if (sent < sizeof(by_irq) - 1)
		out8(COM1, (uint8_t)by_irq[sent++]);
	else
		out8(COM1 + 1, 0);
}

void test_irq(void)
{
	struct stopwatch w = stopwatch_start();

	irq_route(GSI_COM1, false, send_next);
	out8(COM1 + 1, IER_THRE);
	irqs_on();
	while (sent < sizeof(by_irq) - 1 && stopwatch_ticks(&w) < 10 * PM_TIMER_HZ)
		;
	irqs_off();
	out8(COM1 + 1, 0);
	if (sent < sizeof(by_irq) - 1)
		print("irq stalled after %u bytes\n", sent);
	else
		print("irq ok\n");
}
