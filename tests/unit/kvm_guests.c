/*
 * tests/unit/kvm_guests.c - guests of a few instructions, for test_machine_kvm.c
 *
 * Flat 32-bit code that is loaded and entered at CODE, and 16-bit code that it copies
 * to 0x8000 for the other processors. Only what every KVM can run: one that merely
 * emulates has no iret, for instance.
 */
#include "tests/unit/kvm_guests.h"

/* clang-format off */
#define GUEST(name, body)                                       \
	__asm__(".pushsection .rodata, \"a\", @progbits\n"      \
		".set CODE, 0x100000\n" /* KVM_GUEST_CODE */    \
		".global guest_" #name "\n"                     \
		".global guest_" #name "_end\n"                 \
		"guest_" #name ":\n"                            \
		".code32\n" body                                \
		".code64\n"                                     \
		"guest_" #name "_end:\n"                        \
		".popsection\n")

/* One string instruction, then the status 7. */
GUEST(hello,
	"	mov $CODE + (hello_text - guest_hello), %esi\n"
	"	mov $hello_end - hello_text, %ecx\n"
	"	mov $0x3f8, %dx\n"
	"	rep outsb\n"
	"	mov $7, %al\n"
	"	out %al, $0xf4\n"
	"1:	hlt\n"
	"	jmp 1b\n"
	"hello_text: .ascii \"hello, world\"\n"
	"hello_end:\n");

/* The letters A to Z again and again: a lost or doubled step shows. */
GUEST(letters,
	"	mov $0x3f8, %dx\n"
	"1:	mov $'A', %bl\n"
	"2:	mov %bl, %al\n"
	"	out %al, %dx\n"
	"	inc %bl\n"
	"	cmp $'Z' + 1, %bl\n"
	"	jne 2b\n"
	"	jmp 1b\n");

/* R when ready, then an S for each power button, by a level-triggered SCI. */
GUEST(sci,
	"	mov $0x9000, %esp\n"
	"	mov $CODE + (sci_handler - guest_sci), %eax\n"
	"	movw %ax, 0x2248\n" /* IDT at 0x2000, vector 0x49 */
	"	movw $8, 0x224a\n"
	"	movw $0x8e00, 0x224c\n"
	"	shr $16, %eax\n"
	"	movw %ax, 0x224e\n"
	"	pushl $0x2000\n"
	"	pushw $0x7ff\n"
	"	lidt (%esp)\n"
	"	movl $0x1ff, 0xfee000f0\n" /* local APIC on */
	"	movl $0x23, 0xfec00000\n"
	"	movl $0, 0xfec00010\n"
	"	movl $0x22, 0xfec00000\n"
	"	movl $0x8049, 0xfec00010\n" /* pin 9: level, vector 0x49 */
	"	mov $0x602, %dx\n"
	"	mov $0x100, %ax\n"
	"	out %ax, %dx\n" /* PWRBTN_EN */
	"	mov $0x3f8, %dx\n"
	"	mov $'R', %al\n"
	"	out %al, %dx\n"
	"	sti\n"
	"1:	hlt\n"
	"	jmp 1b\n"
	"sci_handler:\n"
	"	mov $0x600, %dx\n"
	"	in %dx, %ax\n"
	"	test $0x100, %ax\n"
	"	jz 2f\n"
	"	out %ax, %dx\n"
	"	mov $0x3f8, %dx\n"
	"	mov $'S', %al\n"
	"	out %al, %dx\n"
	"2:	movl $0, 0xfee000b0\n" /* EOI */
	"	add $12, %esp\n"      /* a KVM that emulates has no iret */
	"	sti\n"
	"	jmp 1b\n");

/* Start all other processors, wait until as many as 0x604 says have counted. */
GUEST(smp,
	"	mov $CODE + (smp_other - guest_smp), %esi\n"
	"	mov $0x8000, %edi\n"
	"	mov $smp_end - smp_other, %ecx\n"
	"	rep movsb\n"
	"	movl $0x1ff, 0xfee000f0\n"
	"	movl $0xc4500, 0xfee00300\n" /* INIT to all others */
	"	movl $0xc4608, 0xfee00300\n" /* SIPI to 0x8000 */
	"1:	pause\n"
	"	mov 0x600, %eax\n"
	"	cmp %eax, 0x604\n"
	"	jne 1b\n"
	"	mov $3, %al\n"
	"	out %al, $0xf4\n"
	"2:	hlt\n"
	"	jmp 2b\n"
	"smp_other:\n"
	"	.code16\n"
	"	lock incl 0x600\n"
	"3:	cli\n"
	"	hlt\n"
	"	jmp 3b\n"
	"smp_end:\n");

/* As Linux reboots with reboot=t: an exception, and an IDT of limit 0. */
GUEST(fault_on_purpose,
	"	pushl $0\n"
	"	pushw $0\n"
	"	lidt (%esp)\n"
	"	ud2\n");

GUEST(reset,
	"	mov $'x', %al\n"
	"	mov $0x3f8, %dx\n"
	"	out %al, %dx\n"
	"	mov $0xcf9, %dx\n"
	"	mov $0x06, %al\n"
	"	out %al, %dx\n"
	"1:	hlt\n"
	"	jmp 1b\n");

/* Leave traces wherever a reset must remove them, on both processors. */
#define WRMSR(msr, value)                   \
	"	mov $" #msr ", %ecx\n"     \
	"	mov $" #value ", %eax\n"   \
	"	xor %edx, %edx\n"	    \
	"	wrmsr\n"
#define TRACES                              \
	WRMSR(0x277, 0x00010406) /* PAT */  \
	WRMSR(0x200, 0x00100006) /* MTRR */ \
	WRMSR(0x2ff, 0x00000c06)	    \
	WRMSR(0x174, 0x12)		    \
	"	mov $0x1234, %eax\n"	    \
	"	mov %eax, %dr0\n"	    \
	"	mov %cr4, %eax\n"	    \
	"	or $0x600, %eax\n"	    \
	"	mov %eax, %cr4\n"	    \
	"	fninit\n"
GUEST(traces,
	"	mov $CODE + (traces_other - guest_traces), %esi\n"
	"	mov $0x8000, %edi\n"
	"	mov $traces_end - traces_other, %ecx\n"
	"	rep movsb\n"
	"	movl $0x1ff, 0xfee000f0\n"
	"	movl $0xc4500, 0xfee00300\n" /* INIT to all others */
	"	movl $0xc4608, 0xfee00300\n" /* SIPI to 0x8000 */
	"1:	pause\n"
	"	cmpl $0, 0x600\n"
	"	je 1b\n"
	TRACES
	WRMSR(0x4b564d01, 0x3001) /* kvmclock */
	"	movl $0x9000, 0xfee00080\n"
	"	movl $0x40055, 0xfee00320\n" /* the timer, by a deadline */
	WRMSR(0x6e0, 0x7fffffff)
	WRMSR(0x1b, 0xfee00d00) /* x2APIC */
	WRMSR(0x80b, 0)		/* which takes its EOI so */
	"	mov $0x06, %al\n"
	"	mov $0xcf9, %dx\n"
	"	out %al, %dx\n"
	"2:	hlt\n"
	"	jmp 2b\n"
	"traces_other:\n"
	"	.code16\n"
	TRACES
	"	lock incl 0x600\n"
	"3:	cli\n"
	"	hlt\n"
	"	jmp 3b\n"
	"traces_end:\n");

/* All processors at every device at once; never the bits that end the guest. */
GUEST(turmoil,
	"	mov $CODE + (turmoil_other - guest_turmoil), %esi\n"
	"	mov $0x8000, %edi\n"
	"	mov $turmoil_end - turmoil_other, %ecx\n"
	"	rep movsb\n"
	"	movl $0x1ff, 0xfee000f0\n"
	"	movl $0xc4500, 0xfee00300\n" /* INIT to all others */
	"	movl $0xc4608, 0xfee00300\n" /* SIPI to 0x8000 */
	"1:	movl $0x22, 0xfec00000\n"    /* pin 9: masked and not, level and edge */
	"	movl $0x8049, 0xfec00010\n"
	"	movl $0x49, 0xfec00040\n"
	"	movl $0x18049, 0xfec00010\n"
	"	movl $0x18, 0xfec00000\n" /* pin 4 */
	"	xorl $0x10000, 0xfec00010\n"
	"	mov $0x602, %dx\n"
	"	mov $0x100, %ax\n"
	"	out %ax, %dx\n"
	"	mov $0x600, %dx\n"
	"	out %ax, %dx\n"
	"	in %dx, %eax\n"
	"	jmp 1b\n"
	"turmoil_other:\n"
	"	.code16\n"
	"2:	mov $0x3f8, %dx\n"
	"3:	in %dx, %al\n"
	"	rol $1, %al\n"
	"	out %al, %dx\n"
	"	inc %dx\n"
	"	cmp $0x400, %dx\n"
	"	jne 3b\n"
	"	jmp 2b\n"
	"turmoil_end:\n");

GUEST(poweroff,
	"	mov $0x604, %dx\n"
	"	mov $0x2000, %ax\n"
	"	out %ax, %dx\n"
	"1:	hlt\n"
	"	jmp 1b\n");

/* What the PM timer shows, again and again, as four bytes each. */
GUEST(timer,
	"1:	mov $0x608, %dx\n"
	"	in %dx, %eax\n"
	"	mov %eax, 0x700\n"
	"	mov $0x700, %esi\n"
	"	mov $4, %ecx\n"
	"	mov $0x3f8, %dx\n"
	"	rep outsb\n"
	"	jmp 1b\n");
/* clang-format on */
