include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/fake/local.mk
include tests/guest/local.mk
include tests/e2e/local.mk
include tests/lib/local.mk

check_PROGRAMS += $(UNIT_TESTS) $(FUZZ_TARGETS)

# All that the tests run, without running them. By a make of its own, so that nothing
# is compiled before `all` has generated the headers.
check-programs: all
	@$(MAKE) $(AM_MAKEFLAGS) $(check_PROGRAMS) $(GUEST_IMAGES)

# What the scripts of the tests find the trees by. TALLY collects the counts of
# several calls for ./check; without it each call prints its own closing line.
TESTS_RUN = VX_SRC='$(abs_top_srcdir)' VX_BUILD='$(abs_top_builddir)' \
	$(top_srcdir)/tests/run $(if $(TALLY),--tally '$(TALLY)')

# plain: anywhere, without privilege
check-local: all $(check_PROGRAMS)
	$(TESTS_RUN) --label plain \
		$(foreach t,$(UNIT_TESTS),$(abs_builddir)/$(t) ---) \
		$(foreach f,$(FUZZ_TARGETS),$(abs_builddir)/$(f) \
			$(top_srcdir)/tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $(f))) ---) \
		$(foreach s,$(SCRIPTS_PLAIN),$(top_srcdir)/$(s) ---)

# native: needs a /dev/kvm, of whatever kind
check-native: check-programs
	$(TESTS_RUN) --label native \
		$(foreach s,$(SCRIPTS_NATIVE),$(top_srcdir)/$(s) ---)

# boxed: run inside the boxed host, needs a KVM that runs unmodified kernels
check-boxed: check-programs
	$(TESTS_RUN) --label boxed --deadline 900 \
		$(foreach s,$(SCRIPTS_BOXED),$(top_srcdir)/$(s) ---)

.PHONY: check-programs check-native check-boxed

EXTRA_DIST += tests/run tests/fuzz/corpus tests/golden tests/bench tests/images \
	tests/hostbox tests/lib $(SCRIPTS_PLAIN) $(SCRIPTS_NATIVE) $(SCRIPTS_BOXED)
