EXTRA_DIST += docs/architecture.md docs/protocol.md docs/decisions docs/sealing.md docs/tested.md
dist_man_MANS += docs/man/vxd.8
