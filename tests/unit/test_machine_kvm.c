/*
 * tests/unit/test_machine_kvm.c - whole machines with guests of a few instructions
 *
 * Needs /dev/kvm of any kind: the guests are flat 32-bit and 16-bit code, which runs
 * even where KVM only emulates. No kernel is loaded: code and registers are put in
 * place by hand. What a guest did is read from its console. Not here: the guests
 * (kvm_guests.c).
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/mem.h"
#include "schema/console_ring.h"
#include "tests/unit/kvm_guests.h"
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"
#include "vmm-worker/vcpu.h"

#define GDT 0x1000
#define SECONDS 20

struct rig {
	struct vm_definition definition;
	struct console console;
	struct machine *m;
	int kvm;
	sem_t ended;
};

static void rig_ended(void *owner)
{
	sem_post(&((struct rig *)owner)->ended);
}

static void check(struct err *e, const char *what)
{
	if (e)
		t_fail(__FILE__, __LINE__, "%s: %s", what, e->message);
}

static void rig_init(struct rig *r, unsigned cpus)
{
	struct machine_config config = { .definition = &r->definition,
					 .console = &r->console,
					 .ended = rig_ended,
					 .owner = r };
	struct err *e = NULL;

	*r = (struct rig){ .kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC) };
	if (r->kvm < 0)
		t_skip("needs /dev/kvm: %s", strerror(errno));
	r->definition.cpus = cpus;
	r->definition.memory = 4 * 1024 * 1024;
	r->definition.debug_exit = true;
	sem_init(&r->ended, 0, 0);
	console_init(&r->console, mem_new(struct console_ring),
		     eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	config.kvm = r->kvm;
	r->m = machine_new(&config, &e);
	check(e, "machine_new");
}

static void rig_fini(struct rig *r)
{
	machine_free(r->m);
	free(r->console.ring);
	close(r->console.kick);
	console_fini(&r->console);
	close(r->kvm);
	sem_destroy(&r->ended);
}

static void load(struct rig *r, const uint8_t *code, size_t len)
{
	static const uint64_t gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
					0x00008b0000000067 };
	struct boot_entry entry = { .mode = BOOT_PROTECTED32,
				    .ip = KVM_GUEST_CODE,
				    .rsp = 0x9000,
				    .gdt = GDT,
				    .gdt_limit = sizeof(gdt) - 1,
				    .code_selector = 0x08,
				    .data_selector = 0x10,
				    .tss_selector = 0x18 };
	struct err *e = NULL;

	T_EQ(guest_write(&r->m->memory, GDT, gdt, sizeof(gdt)), 0);
	T_EQ(guest_write(&r->m->memory, KVM_GUEST_CODE, code, len), 0);
	vcpu_boot(&r->m->vcpus[0], &entry, &e);
	check(e, "vcpu_boot");
}

#define LOAD(r, name) load(r, guest_##name, KVM_GUEST_SIZE(name))

static void go(struct rig *r)
{
	struct err *e = NULL;

	machine_go(r->m, &e);
	check(e, "machine_go");
}

/* Wait for the guest's end and take it. */
static struct machine_end wait_end(struct rig *r)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SECONDS;
	if (sem_timedwait(&r->ended, &until) < 0)
		t_fail(__FILE__, __LINE__, "the guest did not end in time");
	machine_hold(r->m);
	return machine_end_get(r->m);
}

static uint64_t written(const struct rig *r)
{
	return atomic_load(&r->console.ring->head);
}

static void wait_written(struct rig *r, uint64_t count)
{
	struct timespec nap = { 0, 1000000 };
	uint64_t until = clock_mono_ns() + SECONDS * 1000000000ull;

	while (written(r) < count) {
		if (clock_mono_ns() > until)
			t_fail(__FILE__, __LINE__, "the guest wrote %ju bytes, not %ju",
			       (uintmax_t)written(r), (uintmax_t)count);
		nanosleep(&nap, NULL);
	}
}

static void a_string_instruction_reaches_the_console(void)
{
	struct rig r;
	struct machine_end end;

	rig_init(&r, 1);
	LOAD(&r, hello);
	go(&r);
	end = wait_end(&r);
	T_EQ(end.reason, END_REASON_DEBUG_EXIT);
	T_EQ(end.status, 7);
	T_EQ(written(&r), 12);
	T_EQ(memcmp(r.console.ring->data, "hello, world", 12), 0);
	rig_fini(&r);
}

static void s5_ends_as_poweroff(void)
{
	struct rig r;

	rig_init(&r, 1);
	LOAD(&r, poweroff);
	go(&r);
	T_EQ(wait_end(&r).reason, END_REASON_GUEST_POWEROFF);
	rig_fini(&r);
}

static void a_deliberate_triple_fault_is_told_apart(void)
{
	struct machine_end end;
	struct rig r;

	rig_init(&r, 1);
	LOAD(&r, fault_on_purpose);
	go(&r);
	end = wait_end(&r);
	T_EQ(end.reason, END_REASON_TRIPLE_FAULT);
	T_OK(end.on_purpose);
	rig_fini(&r);
}

/* What the others do while the machine is being held does not count. */
static void the_first_triple_fault_says_whether_it_was_meant(void)
{
	struct err *e = NULL;
	struct rig r;

	rig_init(&r, 1);
	for (int meant = 0; meant < 2; meant++) {
		machine_triple_fault(r.m, meant);
		machine_triple_fault(r.m, !meant);
		T_EQ(machine_end_get(r.m).reason, END_REASON_TRIPLE_FAULT);
		T_EQ(machine_end_get(r.m).on_purpose, meant);
		machine_reset(r.m, &e);
		check(e, "machine_reset");
	}
	rig_fini(&r);
}

static void a_machine_that_was_reset_runs_again(void)
{
	struct rig r;
	struct err *e = NULL;

	rig_init(&r, 2);
	for (unsigned n = 1; n <= 5; n++) {
		LOAD(&r, reset);
		go(&r);
		T_EQ(wait_end(&r).reason, END_REASON_GUEST_RESET);
		T_EQ(written(&r), n);
		machine_reset(r.m, &e);
		check(e, "machine_reset");
		T_EQ(machine_end_get(r.m).reason, END_REASON_NONE);
	}
	rig_fini(&r);
}

/* The sections of a machine's vCPUs. */
static void save(struct rig *r, struct str *stream)
{
	struct err *e = NULL;

	machine_save(r->m, stream, &e);
	check(e, "machine_save");
}

static struct state_reader read_states(const struct str *stream)
{
	struct state_reader reader;

	T_EQ(state_reader_init(&reader,
			       (struct span){ (uint8_t *)stream->data, stream->len },
			       NULL),
	     0);
	return reader;
}

/* Fields of a vCPU that go on over a reset: TSC, its deadline, whether they are held. */
static bool outlives_reset(uint16_t tag)
{
	return tag >= 9 && tag <= 11;
}

static void same_fields(const struct state_section *a, const struct state_section *b)
{
	T_EQ(a->body.len, b->body.len);
	for (size_t at = 0, len; at < a->body.len; at += 8 + len) {
		uint16_t tag = le16_get(a->body.data + at);

		len = le32_get(a->body.data + at + 4);
		if (!outlives_reset(tag) &&
		    memcmp(a->body.data + at, b->body.data + at, 8 + len) != 0)
			t_fail(__FILE__, __LINE__, "field %u of %s differs", tag,
			       a->name);
	}
}

static void a_reset_leaves_nothing_of_what_the_guest_did_to_its_processors(void)
{
	autofini(str) before = { 0 };
	autofini(str) after = { 0 };
	struct state_reader was, is;
	struct state_section a, b;
	struct err *e = NULL;
	struct rig r;

	rig_init(&r, 2);
	save(&r, &before);
	LOAD(&r, traces);
	go(&r);
	T_EQ(wait_end(&r).reason, END_REASON_GUEST_RESET);
	machine_reset(r.m, &e);
	check(e, "machine_reset");
	save(&r, &after);
	was = read_states(&before);
	is = read_states(&after);
	while (state_next(&was, &a, NULL) > 0 && state_next(&is, &b, NULL) > 0)
		if (strcmp(a.type, "vcpu") == 0)
			same_fields(&a, &b);
	rig_fini(&r);
}

/* Field 13 of a vCPU is its MSRs: index, nothing, value. */
static void msrs_of_hyperv_are_not_in_the_state(void)
{
	autofini(str) stream = { 0 };
	struct state_reader reader;
	struct state_section s;
	struct rig r;

	rig_init(&r, 1);
	save(&r, &stream);
	reader = read_states(&stream);
	while (state_next(&reader, &s, NULL) > 0)
		for (size_t at = 0, len; at < s.body.len; at += 8 + len) {
			const uint8_t *field = s.body.data + at;

			len = le32_get(field + 4);
			if (strcmp(s.type, "vcpu") != 0 || le16_get(field) != 13)
				continue;
			for (size_t i = 0; i < len; i += 16)
				T_NE(le32_get(field + 8 + i) >> 16, 0x4000);
		}
	rig_fini(&r);
}

static void start_processors(unsigned cpus)
{
	struct rig r;
	uint32_t others = cpus - 1, zero = 0;
	struct machine_end end;
	struct err *e = NULL;

	rig_init(&r, cpus);
	for (int round = 0; round < 2; round++) {
		LOAD(&r, smp);
		T_EQ(guest_write(&r.m->memory, 0x600, &zero, 4), 0);
		T_EQ(guest_write(&r.m->memory, 0x604, &others, 4), 0);
		go(&r);
		end = wait_end(&r);
		T_EQ(end.reason, END_REASON_DEBUG_EXIT);
		T_EQ(end.status, 3);
		machine_reset(r.m, &e);
		check(e, "machine_reset");
	}
	rig_fini(&r);
}

static void other_processors_start_and_start_again_after_a_reset(void)
{
	start_processors(4);
}

static void sixty_four_processors_start(void)
{
	start_processors(64);
}

static void a_level_interrupt_comes_again_after_its_end(void)
{
	struct rig r;

	rig_init(&r, 1);
	LOAD(&r, sci);
	go(&r);
	wait_written(&r, 1);
	for (unsigned n = 2; n < 10; n++) {
		ich9_pm_power_button(r.m->pm);
		wait_written(&r, n);
	}
	machine_hold(r.m);
	T_EQ(written(&r), 9);
	T_EQ(memcmp(r.console.ring->data, "RSSSSSSSS", 9), 0);
	rig_fini(&r);
}

static void nothing_runs_in_a_pause(void)
{
	struct rig r;
	uint64_t count = 0;

	rig_init(&r, 1);
	LOAD(&r, letters);
	for (int i = 0; i < 20; i++) {
		struct timespec nap = { 0, 5000000 };

		go(&r);
		wait_written(&r, count + 1);
		machine_hold(r.m);
		count = written(&r);
		nanosleep(&nap, NULL);
		T_EQ(written(&r), count);
	}
	for (uint64_t i = 0; i < MIN(count, (uint64_t)CONSOLE_RING_SIZE); i++)
		T_EQ(r.console.ring->data[i], 'A' + i % 26);
	rig_fini(&r);
}

static uint32_t timer_at(const struct rig *r, uint64_t at)
{
	return le32_get(r->console.ring->data + at % CONSOLE_RING_SIZE);
}

static void many_processors_and_the_control_thread_get_on(void)
{
	struct rig r;
	struct timespec nap = { 0, 2000000 };
	uint64_t count;

	rig_init(&r, 4);
	LOAD(&r, turmoil);
	for (int i = 0; i < 50; i++) {
		autofini(str) stream = { 0 };

		go(&r);
		for (int n = 0; n < 5; n++) {
			ich9_pm_power_button(r.m->pm);
			if (console_input(&r.console, "some input", 10) < 0)
				T_OK(r.console.input_len > 0); /* it is full */
			nanosleep(&nap, NULL);
		}
		machine_hold(r.m);
		count = written(&r);
		save(&r, &stream);
		T_EQ(written(&r), count);
		T_EQ(machine_end_get(r.m).reason, END_REASON_NONE);
	}
	T_OK(count > 0);
	rig_fini(&r);
}

static void guest_time_rests_in_a_pause(void)
{
	struct timespec nap = { 0, 500000000 };
	struct rig r;
	uint64_t before;

	rig_init(&r, 1);
	LOAD(&r, timer);
	go(&r);
	wait_written(&r, 64);
	machine_hold(r.m);
	before = written(&r) / 4 * 4;
	nanosleep(&nap, NULL);
	go(&r);
	wait_written(&r, before + 64);
	machine_hold(r.m);
	/* Half a second is 1.8 million ticks; the guest saw less than half of it. */
	T_OK(timer_at(&r, before + 4) - timer_at(&r, before - 4) < 900000);
	rig_fini(&r);
}

/* Copy the RAM and the state of `from` to the fresh machine `to`. */
static void move(struct rig *from, struct rig *to)
{
	autofini(str) stream = { 0 };
	struct err *e = NULL;

	machine_save(from->m, &stream, &e);
	check(e, "machine_save");
	for (size_t i = 0; i < from->m->memory.n_blocks; i++)
		memcpy(to->m->memory.blocks[i].host, from->m->memory.blocks[i].host,
		       from->m->memory.blocks[i].size);
	machine_load(to->m, (struct span){ (uint8_t *)stream.data, stream.len }, &e);
	check(e, "machine_load");
}

static void a_saved_guest_goes_on_where_it_was(void)
{
	static char all[1024 * 1024];
	size_t len = 0;
	struct rig r, next;

	rig_init(&r, 2);
	LOAD(&r, letters);
	for (int hop = 0; hop < 5; hop++) {
		uint64_t pos = 0, lost = 0;

		go(&r);
		wait_written(&r, 100);
		machine_hold(r.m);
		len += console_ring_read(r.console.ring, &pos, all + len,
					 sizeof(all) - len, &lost);
		T_EQ(lost, 0);
		rig_init(&next, 2);
		move(&r, &next);
		rig_fini(&r);
		r = next;
		/* The objects moved: the machine must find them again. */
		r.m->console = &r.console;
		r.m->definition = &r.definition;
		r.m->owner = &r;
	}
	rig_fini(&r);
	for (size_t i = 0; i < len; i++)
		T_EQ(all[i], 'A' + i % 26);
}

static void a_saved_interrupt_controller_still_delivers(void)
{
	struct rig r, next;

	rig_init(&r, 1);
	LOAD(&r, sci);
	go(&r);
	wait_written(&r, 1);
	ich9_pm_power_button(r.m->pm);
	wait_written(&r, 2);
	machine_hold(r.m);
	/* Pressed in the pause: it is in the state, not yet in the guest. */
	ich9_pm_power_button(r.m->pm);
	rig_init(&next, 1);
	move(&r, &next);
	rig_fini(&r);
	go(&next);
	wait_written(&next, 1);
	ich9_pm_power_button(next.m->pm);
	wait_written(&next, 2);
	machine_hold(next.m);
	T_EQ(memcmp(next.console.ring->data, "SS", 2), 0);
	rig_fini(&next);
}

static void a_state_that_fits_nothing_is_refused(void)
{
	autofini(str) stream = { 0 };
	struct rig one, two;
	struct err *e = NULL;

	rig_init(&two, 2);
	machine_save(two.m, &stream, &e);
	check(e, "machine_save");
	rig_init(&one, 1);
	T_EQ(machine_load(one.m, (struct span){ (uint8_t *)stream.data, stream.len },
			  &e),
	     -1);
	T_HAS(e->message, "cpu1");
	err_free(e);
	rig_fini(&one);
	rig_fini(&two);
}

int main(void)
{
	static const struct t_case cases[] = {
		T_CASE(a_string_instruction_reaches_the_console),
		T_CASE(s5_ends_as_poweroff),
		T_CASE(a_deliberate_triple_fault_is_told_apart),
		T_CASE(the_first_triple_fault_says_whether_it_was_meant),
		T_CASE(a_machine_that_was_reset_runs_again),
		T_CASE(a_reset_leaves_nothing_of_what_the_guest_did_to_its_processors),
		T_CASE(msrs_of_hyperv_are_not_in_the_state),
		T_CASE(other_processors_start_and_start_again_after_a_reset),
		T_CASE(sixty_four_processors_start),
		T_CASE(a_level_interrupt_comes_again_after_its_end),
		T_CASE(nothing_runs_in_a_pause),
		T_CASE(many_processors_and_the_control_thread_get_on),
		T_CASE(guest_time_rests_in_a_pause),
		T_CASE(a_saved_guest_goes_on_where_it_was),
		T_CASE(a_saved_interrupt_controller_still_delivers),
		T_CASE(a_state_that_fits_nothing_is_refused),
	};

	return T_RUN(cases);
}
