/*
 * vmm-worker/acpi/acpi.c - RSDP, FACS, DSDT, FADT, MADT and XSDT
 *
 * After ACPI 6.4 chapter 5. A table is bytes at the end of a growing string: its
 * address is its place there. Each lies behind those that it points at, but the
 * RSDP, which is put in when the address of the XSDT is known.
 *
 * The board has no PIC, PIT, 8042, CMOS clock or VGA, and the FADT says so. There is
 * no legacy mode to leave: SMI_CMD is 0, SCI_EN is always set.
 *
 * Not here: what the devices do (hw/), what AML says (dsdt.asl).
 */
#include "vmm-worker/acpi/acpi.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "vmm-worker/acpi/dsdt_aml.h"
#include "vmm-worker/irq.h"
#include "vmm-worker/memory_map.h"

/* The header that all tables but RSDP and FACS have (§5.2.6). */
struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
static_assert(sizeof(struct header) == 36, "ACPI 6.4 table 5.4");

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes, which is revision 0 */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));
static_assert(sizeof(struct rsdp) == 36, "ACPI 6.4 table 5.3");

#define RSDP_V0_SIZE 20
#define RSDP_REVISION 2

struct facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));
static_assert(sizeof(struct facs) == 64, "ACPI 6.4 table 5.12");

#define FACS_VERSION 2
#define FACS_ALIGN 64

/* Generic address (§5.2.3.2). */
struct gas {
	uint8_t space;
	uint8_t bits;
	uint8_t bit_offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

#define GAS_IO 1
#define GAS_BYTE 1
#define GAS_WORD 2
#define GAS_DWORD 3

struct fadt {
	struct header header;
	uint32_t facs, dsdt;
	uint8_t reserved0;
	uint8_t preferred_profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
	uint32_t pm1a_event, pm1b_event;
	uint32_t pm1a_control, pm1b_control;
	uint32_t pm2_control;
	uint32_t pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base;
	uint8_t cstate_control;
	uint16_t c2_latency, c3_latency;
	uint16_t flush_size, flush_stride;
	uint8_t duty_offset, duty_width;
	uint8_t day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event;
	struct gas x_pm1a_control, x_pm1b_control;
	struct gas x_pm2_control;
	struct gas x_pm_timer;
	struct gas x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
static_assert(sizeof(struct fadt) == 276, "ACPI 6.4 table 5.9");

#define FADT_REVISION 6
#define FADT_MINOR 4
#define PROFILE_ENTERPRISE_SERVER 4
#define C2_UNSUPPORTED 0x0fff /* more than 100 us */
#define C3_UNSUPPORTED 0x0fff /* more than 1000 us */

/* IAPC_BOOT_ARCH (table 5.11). */
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_CMOS_RTC (1u << 5)

/* Feature flags (table 5.10). That of the power button is clear: it is in PM1. */
#define FADT_WBINVD (1u << 0)
#define FADT_PROC_C1 (1u << 2)
#define FADT_NO_SLEEP_BUTTON (1u << 5)
#define FADT_NO_RTC_WAKE (1u << 6)
#define FADT_TIMER_32_BITS (1u << 8)
#define FADT_RESET_REGISTER (1u << 10)
#define FADT_HEADLESS (1u << 12)

/* As hw/ich9_pm.c and hw/reset_control.c have them. */
#define PM1_EVENT 0x600
#define PM1_EVENT_LEN 4
#define PM1_CONTROL 0x604
#define PM1_CONTROL_LEN 2
#define PM_TIMER 0x608
#define PM_TIMER_LEN 4
#define GPE0 0x620
#define GPE0_LEN 16
#define RESET_PORT 0xcf9
#define RESET_VALUE 6

struct madt {
	struct header header;
	uint32_t local_apics;
	uint32_t flags; /* PCAT_COMPAT is clear: there is no PIC */
} __attribute__((packed));
static_assert(sizeof(struct madt) == 44, "ACPI 6.4 table 5.19");

#define MADT_REVISION 5

struct madt_local_apic {
	uint8_t type, length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length;
	uint8_t id;
	uint8_t reserved;
	uint32_t address;
	uint32_t gsi_base;
} __attribute__((packed));

struct madt_override {
	uint8_t type, length;
	uint8_t bus;
	uint8_t source;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {
	uint8_t type, length;
	uint8_t uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

enum {
	MADT_LOCAL_APIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_NMI = 4,
};

#define LOCAL_APIC_ENABLED 1
#define LOCAL_APICS_MAX 255 /* an id of 255 is broadcast */
#define ACTIVE_HIGH_LEVEL 0x000d
#define UID_ALL 0xff

#define TABLE_ALIGN 16
#define XSDT_TABLES 2

/* Where the next byte goes, in guest memory. */
static uint32_t address_of_end(const struct str *out)
{
	return (uint32_t)(MAP_RSDP + out->len);
}

static void pad_to(struct str *out, size_t len)
{
	while (out->len < len)
		str_add_char(out, '\0');
}

static void pad_align(struct str *out, size_t to)
{
	pad_to(out, align_up(MAP_RSDP + out->len, to) - MAP_RSDP);
}

/* Header at the front of a new table; finish_table() says how long it became. */
static struct header table_header(const char *signature, uint8_t revision)
{
	struct header h = {
		.revision = revision,
		.oem_id = "VX",
		.oem_table_id = "PV-1",
		.oem_revision = 1,
		.creator_id = "VX",
		.creator_revision = 1,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	return h;
}

static uint8_t checksum(const char *bytes, size_t len)
{
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint8_t)bytes[i];
	return (uint8_t)-sum;
}

static void finish_table(struct str *out, uint32_t address)
{
	char *table = out->data + (address - MAP_RSDP);
	size_t len = (size_t)(address_of_end(out) - address);

	le32_put(table + offsetof(struct header, length), (uint32_t)len);
	table[offsetof(struct header, checksum)] = 0;
	table[offsetof(struct header, checksum)] = (char)checksum(table, len);
}

static uint32_t add_facs(struct str *out)
{
	struct facs facs = { .signature = { 'F', 'A', 'C', 'S' },
			     .length = sizeof(facs),
			     .version = FACS_VERSION };

	pad_align(out, FACS_ALIGN);

	uint32_t address = address_of_end(out);

	str_add_bytes(out, &facs, sizeof(facs));
	return address;
}

/* iasl's header says which iasl it was: ours goes in its place. */
static uint32_t add_dsdt(struct str *out)
{
	struct header h = table_header("DSDT", 2);

	pad_align(out, TABLE_ALIGN);

	uint32_t address = address_of_end(out);

	str_add_bytes(out, &h, sizeof(h));
	str_add_bytes(out, dsdt_aml + sizeof(h), sizeof(dsdt_aml) - sizeof(h));
	finish_table(out, address);
	return address;
}

static struct gas port(uint16_t address, uint8_t bytes, uint8_t access)
{
	return (struct gas){ .space = GAS_IO,
			     .bits = (uint8_t)(bytes * 8),
			     .access = access,
			     .address = address };
}

static uint32_t add_fadt(struct str *out, uint32_t facs, uint32_t dsdt)
{
	struct fadt fadt = {
		.header = table_header("FACP", FADT_REVISION),
		.facs = facs,
		.dsdt = dsdt,
		.preferred_profile = PROFILE_ENTERPRISE_SERVER,
		.sci = IRQ_GSI_SCI,
		.pm1a_event = PM1_EVENT,
		.pm1a_control = PM1_CONTROL,
		.pm_timer = PM_TIMER,
		.gpe0 = GPE0,
		.pm1_event_len = PM1_EVENT_LEN,
		.pm1_control_len = PM1_CONTROL_LEN,
		.pm_timer_len = PM_TIMER_LEN,
		.gpe0_len = GPE0_LEN,
		.c2_latency = C2_UNSUPPORTED,
		.c3_latency = C3_UNSUPPORTED,
		.boot_arch = BOOT_NO_VGA | BOOT_NO_CMOS_RTC,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON |
			 FADT_NO_RTC_WAKE | FADT_TIMER_32_BITS | FADT_RESET_REGISTER |
			 FADT_HEADLESS,
		.reset = port(RESET_PORT, 1, GAS_BYTE),
		.reset_value = RESET_VALUE,
		.minor_version = FADT_MINOR,
		.x_dsdt = dsdt,
		.x_pm1a_event = port(PM1_EVENT, PM1_EVENT_LEN, GAS_WORD),
		.x_pm1a_control = port(PM1_CONTROL, PM1_CONTROL_LEN, GAS_WORD),
		.x_pm_timer = port(PM_TIMER, PM_TIMER_LEN, GAS_DWORD),
		.x_gpe0 = port(GPE0, GPE0_LEN, GAS_BYTE),
	};

	pad_align(out, TABLE_ALIGN);

	uint32_t address = address_of_end(out);

	str_add_bytes(out, &fadt, sizeof(fadt));
	finish_table(out, address);
	return address;
}

static void add_local_apics(struct str *out, unsigned cpus)
{
	for (unsigned i = 0; i < cpus; i++) {
		struct madt_local_apic cpu = {
			.type = MADT_LOCAL_APIC,
			.length = sizeof(cpu),
			.uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = LOCAL_APIC_ENABLED,
		};

		str_add_bytes(out, &cpu, sizeof(cpu));
	}
}

static uint32_t add_madt(struct str *out, unsigned cpus)
{
	struct madt madt = { .header = table_header("APIC", MADT_REVISION),
			     .local_apics = MAP_LAPIC };
	struct madt_ioapic ioapic = { .type = MADT_IOAPIC,
				      .length = sizeof(ioapic),
				      .address = MAP_IOAPIC };
	struct madt_override sci = { .type = MADT_OVERRIDE,
				     .length = sizeof(sci),
				     .source = IRQ_GSI_SCI,
				     .gsi = IRQ_GSI_SCI,
				     .flags = ACTIVE_HIGH_LEVEL };
	struct madt_nmi nmi = {
		.type = MADT_NMI, .length = sizeof(nmi), .uid = UID_ALL, .lint = 1
	};

	pad_align(out, TABLE_ALIGN);

	uint32_t address = address_of_end(out);

	str_add_bytes(out, &madt, sizeof(madt));
	add_local_apics(out, cpus);
	str_add_bytes(out, &ioapic, sizeof(ioapic));
	str_add_bytes(out, &sci, sizeof(sci));
	str_add_bytes(out, &nmi, sizeof(nmi));
	finish_table(out, address);
	return address;
}

static uint32_t add_xsdt(struct str *out, const uint64_t tables[XSDT_TABLES])
{
	struct header h = table_header("XSDT", 1);

	pad_align(out, TABLE_ALIGN);

	uint32_t address = address_of_end(out);

	str_add_bytes(out, &h, sizeof(h));
	str_add_bytes(out, tables, XSDT_TABLES * sizeof(tables[0]));
	finish_table(out, address);
	return address;
}

static void put_rsdp(struct str *out, uint32_t xsdt)
{
	struct rsdp r = {
		.signature = { 'R', 'S', 'D', ' ', 'P', 'T', 'R', ' ' },
		.oem_id = "VX",
		.revision = RSDP_REVISION,
		.length = sizeof(r),
		.xsdt = xsdt,
	};

	r.checksum = checksum((const char *)&r, RSDP_V0_SIZE);
	r.extended_checksum = checksum((const char *)&r, sizeof(r));
	memcpy(out->data, &r, sizeof(r));
}

void acpi_build(const struct acpi_config *config, struct str *out)
{
	assert(out->len == 0);
	assert(config->cpus >= 1 && config->cpus <= LOCAL_APICS_MAX);
	pad_to(out, MAP_ACPI_TABLES - MAP_RSDP);

	uint32_t facs = add_facs(out);
	uint32_t dsdt = add_dsdt(out);
	uint64_t tables[XSDT_TABLES];

	tables[0] = add_fadt(out, facs, dsdt);
	tables[1] = add_madt(out, config->cpus);
	put_rsdp(out, add_xsdt(out, tables));
	assert(address_of_end(out) < MAP_ACPI_TABLES_END);
}
