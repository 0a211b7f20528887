/*
 * tests/guest/main.c - print what the guest was told, then do as its words say
 */
#include "guest.h"

#define RANGE_RAM 1
#define CPUS_MAX 255
#define MODULE_SHOWN 16

void guest_main(const struct boot_handover *h);

static struct guest guest;
static uint32_t bss_probe[64]; /* the loader, not the start code, clears it */

void guest_set_cmdline(struct guest *g, uint32_t address)
{
	const char *from = (const char *)address;
	uint32_t n = 0;

	while (from[n] && n + 1 < GUEST_CMDLINE_MAX) {
		g->cmdline[n] = from[n];
		n++;
	}
}

void guest_add_module(struct guest *g, uint32_t start, uint32_t size)
{
	if (g->n_modules == GUEST_MODULES_MAX)
		return;
	g->modules[g->n_modules].start = start;
	g->modules[g->n_modules++].size = size;
}

void guest_add_range(struct guest *g, uint64_t size, uint32_t type)
{
	g->map_entries++;
	if (type == RANGE_RAM)
		g->ram += size;
}

/* Also after a reset, when the memory holds what the boot before left in it. */
static void check_bss(void)
{
	for (uint32_t i = 0; i < sizeof(bss_probe) / sizeof(bss_probe[0]); i++) {
		if (bss_probe[i])
			print("bss is not zero\n");
		bss_probe[i] = 0xdeadbeef;
	}
}

static void show_module(const struct guest *g, uint32_t i)
{
	const uint8_t *bytes = bytes_at(g->modules[i].start);

	print("module%u=", i);
	for (uint32_t n = 0; n < g->modules[i].size && n < MODULE_SHOWN; n++) {
		if (bytes[n] < ' ' || bytes[n] > '~')
			break;
		print("%c", bytes[n]);
	}
	print("\nmodule%u_size=%u\n", i, g->modules[i].size);
}

static void show_hypervisor(void)
{
	uint32_t eax = 0x40000000, text[4] = { 0 };

	__asm__("cpuid" : "+a"(eax), "=b"(text[0]), "=c"(text[1]), "=d"(text[2]));
	print("hypervisor=%s\n", (const char *)text);
}

static void show(const struct guest *g, const struct boot_handover *h)
{
	print("vx-guest protocol=%s entry=%u\n", g->protocol, h->bits);
	if (h->broken)
		print("broken promises: %x\n", h->broken);
	check_bss();
	print("cmdline=<%s>\n", g->cmdline);
	print("ram_kib=%u\nmap_entries=%u\n", (uint32_t)(g->ram >> 10), g->map_entries);
	print("modules=%u\n", g->n_modules);
	for (uint32_t i = 0; i < g->n_modules; i++)
		show_module(g, i);
	show_hypervisor();
}

static void run_tests(const struct guest *g, const uint8_t *ids, uint32_t n_ids)
{
	char word[16];

	irq_init();
	if (word_get(g->cmdline, "cpus", word, sizeof(word)))
		test_smp(ids, n_ids, number_of(word));
	if (!word_get(g->cmdline, "test", word, sizeof(word)))
		return;
	if (memcmp(word, "timer", 6) == 0)
		test_timer();
	else if (memcmp(word, "irq", 4) == 0)
		test_irq();
	else
		print("no such test\n");
}

void guest_main(const struct boot_handover *h)
{
	static uint8_t ids[CPUS_MAX];
	struct guest *g = &guest;
	uint32_t rsdp, n_ids;
	char how[32] = "poweroff";

	serial_init();
	if (!h->parse(h, g)) {
		print("no boot information: magic %x at %x\n", h->magic, h->info);
		power_off();
	}
	show(g, h);
	rsdp = rsdp_find(g);
	print("rsdp=%s\n", !rsdp ? "missing" : g->rsdp ? "given" : "found");
	n_ids = madt_apic_ids(rsdp, ids, CPUS_MAX);
	print("madt_cpus=%u\n", n_ids);
	run_tests(g, ids, n_ids);
	word_get(g->cmdline, "end", how, sizeof(how));
	guest_end(how);
}
