/*
 * tests/guest/lib/io.h - ports, MSRs and memory-mapped registers
 */
#ifndef VX_GUEST_IO_H
#define VX_GUEST_IO_H

#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/*
 * Memory and registers at a physical address; paging is off. The compiler does not
 * see which address, as it takes those of the first page for null pointers.
 */
static inline uint8_t *bytes_at(uint32_t address)
{
	__asm__("" : "+r"(address));
	return (uint8_t *)address;
}

static inline volatile uint32_t *at32(uint32_t address)
{
	return (volatile uint32_t *)(void *)bytes_at(address);
}

static inline void irqs_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void irqs_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Rest until an interrupt; none can slip in between, since sti takes one more. */
static inline void irqs_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

#endif
