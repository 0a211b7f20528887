# make lint: everything that reads the sources without running them
lint: $(BUILT_SOURCES)
	$(top_srcdir)/tools/lint '$(abs_top_srcdir)' '$(abs_top_builddir)'

.PHONY: lint
