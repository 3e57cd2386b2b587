"""The benchmark, `rushlight bench`: named rows, a process per library, answers checked before timing.

bench/README.md of the source tree says how to read what it prints. `import rushlight` imports none of this.
"""
