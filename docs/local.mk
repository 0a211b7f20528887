EXTRA_DIST += docs/architecture.md docs/protocol.md docs/decisions docs/tested.md
