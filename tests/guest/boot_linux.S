/*
 * tests/guest/boot_linux.S - a bzImage: Linux x86 boot protocol 2.15
 *
 * Three ways in: the 64-bit entry, 0x200 behind the start of the kernel, which vx
 * uses; the 32-bit one at its start; and a real-mode setup, which firmware and other
 * loaders use, asks the BIOS for the memory map and goes on to the 32-bit one.
 */
	.set	SETUP_SECTORS, 7
	.set	E820_MAX, 120

	.section .setup, "", @progbits
	.code16
	.org	0x1f1
	.byte	SETUP_SECTORS
	.word	1			/* root_flags: read-only */
	.long	kernel_paragraphs	/* syssize, by the linker script */
	.word	0, 0, 0			/* ram_size, vid_mode, root_dev */
	.word	0xaa55
	/* 0x200: the setup is entered here */
	.byte	0xeb, header_end - 1f
1:	.ascii	"HdrS"
	.word	0x020f			/* version */
	.long	0			/* realmode_swtch */
	.word	0, 0			/* start_sys_seg, kernel_version */
	.byte	0			/* type_of_loader */
	.byte	0x81			/* loadflags: LOADED_HIGH, CAN_USE_HEAP */
	.word	0			/* setup_move_size */
	.long	0x100000		/* code32_start */
	.long	0, 0			/* ramdisk_image, ramdisk_size */
	.long	0			/* bootsect_kludge */
	.word	0xe000			/* heap_end_ptr */
	.word	0			/* ext_loader_ver, ext_loader_type */
	.long	0			/* cmd_line_ptr */
	.long	0x7fffffff		/* initrd_addr_max */
	.long	0x1000			/* kernel_alignment */
	.byte	0			/* relocatable_kernel */
	.byte	12			/* min_alignment, as a power of two */
	.word	0x0001			/* xloadflags: XLF_KERNEL_64 */
	.long	2047			/* cmdline_size */
	.long	0			/* hardware_subarch */
	.quad	0			/* hardware_subarch_data */
	.long	0, 0			/* payload_offset, payload_length */
	.quad	0			/* setup_data */
	.quad	0x100000		/* pref_address */
	.long	kernel_memory		/* init_size, by the linker script */
	.long	0			/* handover_offset */
	.long	0			/* kernel_info_offset */
header_end:
	jmp	setup_main

	/* Behind the memory map that the BIOS is asked for: boot_params, which the
	   first sectors become, has it at 0x2d0. */
	.org	0x2d0 + E820_MAX * 20
setup_main:
	cli
	cld
	movw	%cs, %ax		/* 0x20 above the segment of the setup's start */
	subw	$0x20, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0xe000, %esp
	xorl	%ebx, %ebx
	xorw	%bp, %bp
	movw	$0x2d0, %di
1:	movl	$0xe820, %eax		/* INT 15h: the next 20 bytes of the map */
	movl	$20, %ecx
	movl	$0x534d4150, %edx
	int	$0x15
	jc	2f
	addw	$20, %di
	incw	%bp
	cmpw	$E820_MAX, %bp
	je	2f
	testl	%ebx, %ebx
	jnz	1b
2:	movw	%bp, %ax
	movb	%al, 0x1e8		/* e820_entries */
	cli
	xorl	%esi, %esi
	movw	%ds, %si
	shll	$4, %esi		/* esi = boot_params */
	leal	setup_gdt(%esi), %eax
	movl	%eax, setup_gdt_pointer + 2
	lgdtl	setup_gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$0x18, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	ljmpl	$0x10, $0x100000

	.balign	8
setup_gdt:
	.quad	0, 0
	.quad	0x00cf9b000000ffff	/* 0x10: flat 32-bit code */
	.quad	0x00cf93000000ffff	/* 0x18: flat data */
setup_gdt_pointer:
	.word	. - setup_gdt - 1
	.long	0
	.org	(SETUP_SECTORS + 1) * 512

	.section .text.entry, "ax"
	.code32
	.globl linux_entry
linux_entry:
	movl	$32, %edx
	xorl	%ebp, %ebp
	jmp	zero_bss

	.org	0x200
	.code64
	/*
	 * Promised: CS is 0x10, the data segments 0x18, interrupts off, rsi = boot
	 * parameters. Leaves long mode by way of the 32-bit code segment of our GDT.
	 */
	xorl	%ebp, %ebp
	movl	$stack_top, %esp
	pushfq
	popq	%rax
	testl	$0x200, %eax		/* IF */
	jz	1f
	orl	$1, %ebp
1:	movl	%cs, %ecx
	cmpl	$0x10, %ecx
	je	2f
	orl	$4, %ebp
2:	movl	%ds, %ecx
	movl	%es, %edx
	movl	%ss, %ebx
	cmpl	$0x18, %ecx
	jne	3f
	cmpl	$0x18, %edx
	jne	3f
	cmpl	$0x18, %ebx
	je	4f
3:	orl	$8, %ebp
4:	lgdt	gdt_pointer(%rip)
	movl	$5f, %eax
	pushq	$0x08
	pushq	%rax
	lretq
	.code32
5:	movl	%cr0, %eax
	andl	$0x7fffffff, %eax
	movl	%eax, %cr0
	movl	$0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	andl	$~0x100, %eax
	wrmsr
	movl	%cr4, %eax
	andl	$~0x20, %eax		/* PAE */
	movl	%eax, %cr4
	movw	$0x10, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movl	$64, %edx
zero_bss:
	cld
	movl	$bss_start, %edi
	movl	$bss_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	%edx, %edi
	movl	$boot_parse_linux, %edx
	jmp	start32

	.section .note.GNU-stack, "", @progbits
