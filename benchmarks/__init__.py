"""Benchmarks: `python -m benchmarks.<name>` prints a small table."""
