# The pure half of the worker: memory and loaders, tables and state. Nothing here
# knows KVM.
%C%_libvmm_a_SOURCES += \
	%D%/boot/boot.c %D%/boot/boot.h \
	%D%/boot/elf.c \
	%D%/boot/linux.c \
	%D%/boot/loader.h \
	%D%/boot/multiboot.c \
	%D%/boot/place.c \
	%D%/memory.c %D%/memory.h \
	%D%/memory_map.c %D%/memory_map.h
include %D%/pure_tables.mk
