/*
 * tests/fake/fake_worker.h - how a worker without a guest behaves
 *
 * The words come in the kernel command line of the VM, so that a test says through the
 * public API what is to go wrong. In a text, ~ is a blank and | is a line feed.
 */
#ifndef VX_TESTS_FAKE_WORKER_H
#define VX_TESTS_FAKE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "schema/gen/types.h"

/* clang-format off */
enum fake_moment { MOMENT_START, MOMENT_LOADING, MOMENT_RUNNING, MOMENT_COUNT };
enum fake_death { DEATH_NONE, DEATH_EXIT, DEATH_SIGNAL, DEATH_COUNT };
/* What is sent in the place of an answer. */
enum fake_garbage { GARBAGE_NONE, GARBAGE_BYTES, GARBAGE_ARRAY, GARBAGE_HUGE,
		    GARBAGE_TYPES, GARBAGE_DEEP, GARBAGE_COUNT };
/* clang-format on */

struct script {
	bool ends;
	enum end_reason end; /* end=REASON[:STATUS] */
	uint64_t status;
	uint64_t after_ms;     /* after=MS: from running to the end, or to the death */
	char *print;	       /* owned; print=TEXT, to the console */
	char *words;	       /* owned; words=TEXT, to standard error */
	enum fake_death death; /* die=exit:N or die=signal:N */
	int death_value;
	enum fake_moment when;	   /* when=start|loading|running */
	enum fake_garbage garbage; /* garbage=KIND */
	uint64_t flood;		   /* flood=N, KiB to the console */
	bool mute;		   /* never answers hello */
	bool liar;		   /* says that it is another VM's */
	bool badfds;		   /* hands out other descriptors than the console's */
	bool badkick;		   /* hands out a pipe in the place of its eventfd */
	bool refuse;		   /* says in answer to hello that it is gone */
	bool fickle;		   /* says by turns that it runs and that it pauses */
	bool hang;		   /* never says ready */
	bool deaf;		   /* ignores the power button */
	bool echo;		   /* prints what is typed */
	bool noisy; /* sends notes of all kinds, good and bad, for ever */
	bool wild;  /* moves the console's head to where it cannot be */
};

/* ERR_INVALID_PARAMS for a word that has no meaning. */
int script_parse(const char *cmdline, struct script *out, struct err **e);
void script_fini(struct script *s);

#endif
