/*
 * tests/guest/boot_pvh.S - entered by the PVH note: ebx = start info
 *
 * Promised: 32-bit protected mode, paging off, interrupts off.
 */
	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	pvh_entry

	.section .text
	.code32
	.globl pvh_entry
pvh_entry:
	movl	$pvh_stack, %esp
	movl	%ebx, %esi
	movl	$32, %edi
	xorl	%ebp, %ebp
	pushfl
	popl	%eax
	testl	$0x20300, %eax		/* VM, IF, TF */
	jz	1f
	orl	$1, %ebp
1:	movl	%cr0, %eax
	andl	$0x80000001, %eax	/* PG, PE */
	cmpl	$1, %eax
	je	2f
	orl	$2, %ebp
2:	movl	$boot_parse_pvh, %edx
	jmp	start32

	.section .bss
	.balign	4
	.skip	16
pvh_stack:

	.section .note.GNU-stack, "", @progbits
