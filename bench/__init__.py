"""Benchmarks: one file a claim, each a command ``python -m bench.NAME``; see ``docs/bench.md``."""
