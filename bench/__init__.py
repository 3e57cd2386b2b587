"""The benchmark: named layers, a process per library, answers checked before timing. See README.md."""
