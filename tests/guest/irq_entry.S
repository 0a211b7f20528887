/*
 * tests/guest/irq_entry.S - where interrupts and exceptions arrive
 *
 * Handlers return without IRET, which a KVM that only emulates does not know in
 * protected mode. An interrupt comes only where interrupts are on, and from code of
 * our one code segment: so restore the flags, then STI, which holds the next
 * interrupt off for one more instruction, then a far return past the saved flags.
 */
	.section .text
	.code32
	.macro	isr name, handler
	.globl \name
\name:
	pushal
	cld
	call	\handler
	popal
	pushl	8(%esp)
	andl	$~0x200, (%esp)		/* IF */
	popfl
	sti
	lret	$4
	.endm

	isr	isr_com1, irq_com1
	isr	isr_sci, irq_sci

	.globl isr_spurious
isr_spurious:
	pushl	8(%esp)
	andl	$~0x200, (%esp)
	popfl
	sti
	lret	$4

	.globl isr_fault, isr_fault_code
isr_fault:
	pushl	$0			/* no error code */
isr_fault_code:
	cld
	call	irq_fault		/* does not return; sees error code and EIP */

	.section .note.GNU-stack, "", @progbits
