# Micro guests: freestanding 32-bit programs, one image for each boot protocol, built
# with the compiler alone. Not part of `all`: the native and boxed tests ask for them.
GUEST_FLAGS = -m32 -march=i686 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only \
	-Os -std=gnu17 -Wall -Wextra -Werror \
	-I$(top_srcdir)/tests/guest
GUEST_LINK = $(CC) -m32 -nostdlib -static -Wl,--build-id=none \
	-Wl,-T,$(top_srcdir)/tests/guest/guest.ld
GUEST_H = %D%/guest.h %D%/lib/io.h %D%/lib/print.h
GUEST_PARTS = start_S lib/print main acpi timer irq irq_entry_S smp smp_ap_S echo ends
GUEST_COMMON = $(GUEST_PARTS:%=%D%/image/%.o)

GUEST_IMAGES += %D%/guest-bzimage %D%/guest-pvh32 %D%/guest-pvh64 %D%/guest-multiboot \
	%D%/guest-both

%D%/image/%.o: %D%/%.c $(GUEST_H)
	$(AM_V_CC)mkdir -p $(@D) && $(CC) $(GUEST_FLAGS) -c $< -o $@
%D%/image/%_S.o: %D%/%.S
	$(AM_V_CC)mkdir -p $(@D) && $(CC) -m32 -c $< -o $@

%D%/guest-bzimage: $(GUEST_COMMON) %D%/image/boot_linux.o %D%/image/boot_linux_S.o %D%/guest.ld
	$(AM_V_GEN)$(GUEST_LINK) -Wl,-e,linux_entry -o $@.elf $(filter %.o,$^) && \
	$(OBJCOPY) -O binary --set-section-flags .setup=alloc,load,contents $@.elf $@
%D%/guest-pvh32: $(GUEST_COMMON) %D%/image/boot_pvh.o %D%/image/boot_pvh_S.o %D%/guest.ld
	$(AM_V_GEN)$(GUEST_LINK) -Wl,-e,pvh_entry -o $@ $(filter %.o,$^)
%D%/guest-pvh64: %D%/guest-pvh32
	$(AM_V_GEN)$(OBJCOPY) -O elf64-x86-64 $< $@
%D%/guest-multiboot: $(GUEST_COMMON) %D%/image/boot_multiboot.o \
		%D%/image/boot_multiboot_S.o %D%/guest.ld
	$(AM_V_GEN)$(GUEST_LINK) -Wl,-e,multiboot_entry -o $@ $(filter %.o,$^)
# Both an ELF note and a multiboot header: what `auto` takes.
%D%/guest-both: $(GUEST_COMMON) %D%/image/boot_multiboot.o %D%/image/boot_multiboot_S.o \
		%D%/image/boot_pvh.o %D%/image/boot_pvh_S.o %D%/guest.ld
	$(AM_V_GEN)$(GUEST_LINK) -Wl,-e,multiboot_entry -o $@ $(filter %.o,$^)

# vmm_run plays vxd and keeper for one vx-vmm.
check_PROGRAMS += %D%/vmm_run
%C%_vmm_run_SOURCES = %D%/vmm_run.c
%C%_vmm_run_LDADD = rpc/librpc.a schema/libworkerclient.a schema/libschema.a \
	base/libbase.a $(JANSSON_LIBS) $(UV_LIBS) -lpthread -ldl

# inject is what test_sealed.py has a worker's threads do.
check_PROGRAMS += %D%/inject
%C%_inject_SOURCES = %D%/inject.c

SCRIPTS_NATIVE += %D%/test_native.py %D%/test_sealed.py
EXTRA_DIST += $(GUEST_H) %D%/guest.ld %D%/acpi.c %D%/boot_linux.S %D%/boot_linux.c \
	%D%/boot_multiboot.S %D%/boot_multiboot.c %D%/boot_pvh.S %D%/boot_pvh.c \
	%D%/echo.c %D%/ends.c %D%/irq.c %D%/irq_entry.S %D%/lib/print.c %D%/main.c %D%/smp.c \
	%D%/smp_ap.S %D%/start.S %D%/timer.c

CLEANFILES += $(GUEST_IMAGES) %D%/guest-bzimage.elf $(GUEST_COMMON) \
	$(foreach b,linux pvh multiboot,%D%/image/boot_$(b).o %D%/image/boot_$(b)_S.o)
