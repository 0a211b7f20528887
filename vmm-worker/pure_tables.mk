# Pure tables of the worker: the state stream, ACPI, CPUID.
%C%_libvmm_a_SOURCES += \
	%D%/acpi/acpi.c %D%/acpi/acpi.h \
	%D%/cpuid.c %D%/cpuid.h \
	%D%/crc32c.c \
	%D%/state.c %D%/state.h

# The DSDT as a C array: dsdt.asl -> iasl -> dsdt.aml -> od -> dsdt_aml.h. What iasl
# says is shown when it fails; a warning is a failure.
BUILT_SOURCES += %D%/acpi/dsdt_aml.h
CLEANFILES += %D%/acpi/dsdt_aml.h %D%/acpi/dsdt.aml
EXTRA_DIST += %D%/acpi/dsdt.asl

%D%/acpi/dsdt.aml: %D%/acpi/dsdt.asl
	$(AM_V_GEN)$(MKDIR_P) %D%/acpi && \
	{ $(IASL) -we -p %D%/acpi/dsdt $(srcdir)/%D%/acpi/dsdt.asl >$@.log 2>&1 || \
		{ cat $@.log >&2; rm -f $@ $@.log; exit 1; }; } && \
	rm -f $@.log

%D%/acpi/dsdt_aml.h: %D%/acpi/dsdt.aml
	$(AM_V_GEN){ echo '/* made of vmm-worker/acpi/dsdt.asl */' && \
	echo 'static const uint8_t dsdt_aml[] = {' && \
	od -An -v -tx1 %D%/acpi/dsdt.aml | sed 's/ \(..\)/ 0x\1,/g' && \
	echo '};'; } >$@.tmp && mv $@.tmp $@

%D%/acpi/acpi.$(OBJEXT): %D%/acpi/dsdt_aml.h
