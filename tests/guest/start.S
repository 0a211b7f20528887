/*
 * tests/guest/start.S - from any protocol's entry to guest_main()
 *
 * In: 32-bit protected mode without paging, esi = boot information, eax = magic,
 * edi = bits of the entry, ebp = broken promises, edx = boot_parse_PROTOCOL.
 */
	.section .text
	.code32
	.globl start32
start32:
	lgdt	gdt_pointer
	ljmp	$0x08, $1f
1:	movw	$0x10, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movw	%cx, %fs
	movw	%cx, %gs
	movw	%cx, %ss
	movl	$stack_top, %esp
	pushl	%edx
	pushl	%ebp
	pushl	%edi
	pushl	%eax
	pushl	%esi
	movl	%esp, %eax
	pushl	%eax
	call	guest_main
	ud2

	.section .rodata
	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* 0x08: flat 32-bit code */
	.quad	0x00cf93000000ffff	/* 0x10: flat data */
	.globl gdt_end
gdt_end:
	/* Ten bytes, so that lgdt of 64-bit code can take it too. */
	.globl gdt_pointer
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.long	0

	.section .bss
	.balign	16
	.skip	16384
	.globl stack_top
stack_top:

	.section .note.GNU-stack, "", @progbits
