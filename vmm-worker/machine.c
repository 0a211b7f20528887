/*
 * vmm-worker/machine.c - one virtual machine: built, booted, reset, saved
 *
 * Not here: running and holding it (machine_run.c), which devices there are
 * (device_list.c).
 */
#include "vmm-worker/machine.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "vmm-worker/acpi/acpi.h"
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/vcpu.h"

static void line_to_ioapic(struct machine *m, unsigned gsi, bool level)
{
	ioapic_line(m->ioapic, gsi, level);
}

static void msi_to_kvm(struct machine *m, uint64_t address, uint32_t data)
{
	vm_kvm_msi(&m->vm, address, data);
}

static void routes_to_kvm(struct machine *m, const struct irq_route routes[IRQ_PINS])
{
	int rc = vm_kvm_route(&m->vm, routes);

	if (rc < 0)
		machine_end(m, END_REASON_CRASH, 0,
			    "KVM refused the interrupt routes: %s",
			    strerrorname_np(-rc));
}

static void end_by_guest(struct machine *m, enum end_reason reason, uint8_t status)
{
	machine_end(m, reason, status, "%s", "");
}

static const struct machine_ops kvm_ops = {
	.irq_line = line_to_ioapic,
	.msi_send = msi_to_kvm,
	.irq_routes = routes_to_kvm,
	.guest_end = end_by_guest,
};

static int add_memory(struct machine *m, struct err **e)
{
	static const char *const names[] = { "ram/0", "ram/1" };
	struct map_range ranges[2];
	size_t n = memory_map_ram(m->definition->memory, ranges);

	for (size_t i = 0; i < n && i < COUNT(names); i++)
		if (guest_memory_add(&m->memory, names[i], MEMORY_ANON, ranges[i].start,
				     ranges[i].size, e) < 0)
			return -1;
	return vm_kvm_map(&m->vm, &m->memory, e);
}

static int add_vcpus(struct machine *m, struct err **e)
{
	unsigned n = (unsigned)m->definition->cpus;

	if (n > m->vm.cpus_max)
		return err_set(e, ERR_UNSUPPORTED,
			       "this host's KVM allows %u vCPUs, not %u",
			       m->vm.cpus_max, n);
	m->vcpus = mem_array(n, sizeof(*m->vcpus));
	for (unsigned i = 0; i < n; i++) {
		m->n_vcpus = i + 1; /* also a half-made one is taken down */
		if (vcpu_init(&m->vcpus[i], m, i, e) < 0)
			return -1;
	}
	m->pristine = vcpu_capture(&m->vcpus[0], e);
	if (!m->pristine)
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (vcpu_start(&m->vcpus[i], e) < 0)
			return -1;
	return 0;
}

struct machine *machine_new(const struct machine_config *config, struct err **e)
{
	autoptr(machine) m = mem_new(struct machine);

	m->ops = &kvm_ops;
	m->definition = config->definition;
	m->console = config->console;
	m->ended = config->ended;
	m->owner = config->owner;
	pthread_mutex_init(&m->run_lock, NULL);
	pthread_cond_init(&m->run_cond, NULL);
	guest_memory_init(&m->memory);
	bus_init(&m->ports, "port");
	bus_init(&m->mmio, "memory");
	if (vm_kvm_init(&m->vm, config->kvm, e) < 0 || add_memory(m, e) < 0 ||
	    machine_add_devices(m, e) < 0 || add_vcpus(m, e) < 0)
		return NULL;
	return steal(m);
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	machine_quit(m);
	for (unsigned i = 0; i < m->n_vcpus; i++)
		vcpu_fini(&m->vcpus[i]);
	free(m->vcpus);
	free(m->pristine);
	for (size_t i = 0; i < m->n_devices; i++)
		device_free(m->devices[i]);
	vm_kvm_fini(&m->vm);
	guest_memory_fini(&m->memory);
	pthread_cond_destroy(&m->run_cond);
	pthread_mutex_destroy(&m->run_lock);
	free(m);
}

static int write_tables(struct machine *m, struct err **e)
{
	struct acpi_config config = { .cpus = m->n_vcpus };
	autofini(str) tables = { 0 };

	acpi_build(&config, &tables);

	int rc = guest_write(&m->memory, MAP_RSDP, tables.data, tables.len);

	return rc < 0 ? err_sys(e, rc, "write the ACPI tables") : 0;
}

int machine_boot(struct machine *m, struct boot_request *request, struct err **e)
{
	struct boot_entry entry = { 0 };

	request->memory = &m->memory;
	request->ram = m->definition->memory;
	request->rsdp = MAP_RSDP;
	if (write_tables(m, e) < 0 || boot_load(request, &entry, e) < 0)
		return -1;
	return vcpu_boot(&m->vcpus[0], &entry, e);
}

int machine_reset(struct machine *m, struct err **e)
{
	for (size_t i = 0; i < m->n_devices; i++)
		if (m->devices[i]->type->quiesce)
			m->devices[i]->type->quiesce(m->devices[i]);
	for (unsigned i = 0; i < m->n_vcpus; i++)
		if (vcpu_reset(&m->vcpus[i], m->pristine, e) < 0)
			return -1;
	for (size_t i = 0; i < m->n_devices; i++) {
		struct device *dev = m->devices[i];

		pthread_mutex_lock(&dev->lock);
		dev->type->reset(dev);
		pthread_mutex_unlock(&dev->lock);
	}
	pthread_mutex_lock(&m->run_lock);
	m->end = (struct machine_end){ .reason = END_REASON_NONE };
	pthread_mutex_unlock(&m->run_lock);
	return 0;
}

/* The machine's own section: its clocks. */
struct machine_state {
	uint64_t time;
	uint64_t kvmclock;
	bool time_held;
};

static const struct state_field machine_fields[] = {
	STATE_FIELD(1, STATE_U64, struct machine_state, time),
	STATE_FIELD(2, STATE_U64, struct machine_state, kvmclock),
	STATE_FIELD(3, STATE_BOOL, struct machine_state, time_held),
};
static const struct state_table machine_table = { machine_fields, COUNT(machine_fields),
						  1 };

int machine_save(struct machine *m, struct str *out, struct err **e)
{
	struct machine_state own = { .time = guest_clock_ns(&m->clock),
				     .kvmclock = m->kvmclock,
				     .time_held = m->time_held };

	state_begin(out);
	state_save(out, "machine", "machine", &machine_table, &own);
	for (unsigned i = 0; i < m->n_vcpus; i++)
		if (vcpu_save(&m->vcpus[i], out, e) < 0)
			return -1;
	for (size_t i = 0; i < m->n_devices; i++)
		device_save(m->devices[i], out);
	state_end(out);
	return 0;
}

static int load_clocks(struct machine *m, const struct state_section *s, struct err **e)
{
	struct machine_state own = { 0 };

	if (state_load(s, &machine_table, &own, sizeof(own), e) < 0)
		return err_wrap(e, "state of the machine");
	m->clock = (struct guest_clock){ .time = own.time };
	m->kvmclock = own.kvmclock;
	m->time_held = own.time_held;
	return 0;
}

/* Parts of a machine in a row: itself, its vCPUs, its devices. */
#define PARTS_MAX (1 + 254 + MACHINE_DEVICES_MAX)

/* Which part a section is of; -1 where this machine has no such part. */
static int part_of(const struct machine *m, const struct state_section *s)
{
	unsigned index;
	char rest;

	if (str_eq(s->type, "machine"))
		return 0;
	if (str_eq(s->type, "vcpu") && sscanf(s->name, "cpu%u%c", &index, &rest) == 1 &&
	    index < m->n_vcpus)
		return (int)(1 + index);
	for (size_t i = 0; i < m->n_devices; i++)
		if (str_eq(s->type, m->devices[i]->type->name) &&
		    str_eq(s->name, m->devices[i]->name))
			return (int)(1 + m->n_vcpus + i);
	return -1;
}

static int load_part(struct machine *m, int part, const struct state_section *s,
		     struct err **e)
{
	unsigned at = (unsigned)part;

	if (at == 0)
		return load_clocks(m, s, e);
	if (at <= m->n_vcpus)
		return vcpu_load(&m->vcpus[at - 1], s, e);
	return device_load(m->devices[at - 1 - m->n_vcpus], s, e);
}

int machine_load(struct machine *m, struct span stream, struct err **e)
{
	size_t missing = 1 + m->n_vcpus + m->n_devices;
	bool seen[PARTS_MAX] = { false };
	struct state_reader reader;
	struct state_section s;
	int rc;

	if (state_reader_init(&reader, stream, e) < 0)
		return -1;
	while ((rc = state_next(&reader, &s, e)) > 0) {
		int part = part_of(m, &s);

		if (part < 0 || seen[part])
			return err_set(e, ERR_INVALID_PARAMS,
				       "the state of %s \"%s\" %s", s.type, s.name,
				       part < 0 ? "fits nothing here" : "comes twice");
		if (load_part(m, part, &s, e) < 0)
			return -1;
		seen[part] = true;
		missing--;
	}
	if (rc < 0)
		return -1;
	if (missing)
		return err_set(e, ERR_INVALID_PARAMS, "the state lacks %zu parts",
			       missing);
	return 0;
}
