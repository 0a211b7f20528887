# The worker: everything but main.c is an archive, so that tests link its modules.
noinst_LIBRARIES += %D%/libvmm.a
%C%_libvmm_a_SOURCES = \
	%D%/bus.c %D%/bus.h \
	%D%/console.c %D%/console.h \
	%D%/control.c \
	%D%/device.h \
	%D%/device_list.c \
	%D%/guest_clock.h \
	%D%/hw/debug_exit.c \
	%D%/hw/hw.h \
	%D%/hw/ich9_pm.c \
	%D%/hw/ioapic.c \
	%D%/hw/pvpanic.c \
	%D%/hw/reset_control.c \
	%D%/hw/serial16550.c \
	%D%/irq.c %D%/irq.h \
	%D%/machine.c %D%/machine.h \
	%D%/machine_run.c \
	%D%/seal.c %D%/seal.h %D%/seal_calls.h \
	%D%/vcpu.c %D%/vcpu.h \
	%D%/vcpu_boot.c \
	%D%/vcpu_state.c \
	%D%/vcpu_time.c \
	%D%/vm_kvm.c %D%/vm_kvm.h \
	%D%/worker.c %D%/worker.h
include %D%/pure.mk

# The allow-lists of system calls, compiled when vx is built.
noinst_PROGRAMS += %D%/seal_gen
%C%_seal_gen_SOURCES = %D%/seal_gen.c
%C%_seal_gen_LDADD = $(SECCOMP_LIBS)
%D%/seal_filters.h: %D%/seal_gen$(EXEEXT)
	$(AM_V_GEN)%D%/seal_gen$(EXEEXT) bpf >$@.new && mv $@.new $@
%D%/seal_gen.$(OBJEXT): %D%/seal_calls.h
%D%/seal.$(OBJEXT): %D%/seal_filters.h
BUILT_SOURCES += %D%/seal_filters.h
CLEANFILES += %D%/seal_filters.h

VMM_LIBS = vmm-worker/libvmm.a rpc/librpc.a schema/libworkerapi.a \
	schema/libschema.a base/libbase.a

pkglibexec_PROGRAMS += vx-vmm
vx_vmm_SOURCES = %D%/main.c
vx_vmm_LDADD = $(VMM_LIBS) $(JANSSON_LIBS) $(UV_STATIC_LIBS)
vx_vmm_LDFLAGS = $(AM_LDFLAGS) $(VX_STATIC_LDFLAGS)
