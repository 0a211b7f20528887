/*
 * tests/guest/boot_multiboot.S - entered by multiboot 1: eax = magic, ebx = information
 *
 * Promised: 32-bit protected mode, paging off, interrupts off.
 */
	.set	FLAGS, 0x3		/* modules at pages, memory map wanted */

	.section .multiboot, "a"
	.balign	4
	.long	0x1badb002, FLAGS, -(0x1badb002 + FLAGS)

	.section .text
	.code32
	.globl multiboot_entry
multiboot_entry:
	movl	$multiboot_stack, %esp
	movl	%ebx, %esi
	movl	$32, %edi
	xorl	%ebp, %ebp
	pushfl
	popl	%edx
	testl	$0x20200, %edx		/* VM, IF */
	jz	1f
	orl	$1, %ebp
1:	movl	%cr0, %edx
	andl	$0x80000001, %edx	/* PG, PE */
	cmpl	$1, %edx
	je	2f
	orl	$2, %ebp
2:	movl	$boot_parse_multiboot, %edx
	jmp	start32

	.section .bss
	.balign	4
	.skip	16
multiboot_stack:

	.section .note.GNU-stack, "", @progbits
