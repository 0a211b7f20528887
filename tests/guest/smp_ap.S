/*
 * tests/guest/smp_ap.S - the first and only code of the other CPUs
 *
 * Runs in real mode at TRAMPOLINE_ADDRESS; has no stack. The second SIPI finds a CPU
 * that is no longer waiting for one and does nothing.
 */
	.section .rodata
	.code16
	.globl trampoline
trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	movl	$1, %eax
	cpuid
	shrl	$24, %ebx		/* initial APIC id */
	lock btsl %ebx, 0x408
	jc	1f
	lock incl 0x400
	jmp	2f
1:	lock incl 0x404
2:	hlt
	jmp	2b
	.globl trampoline_end
trampoline_end:

	.section .note.GNU-stack, "", @progbits
