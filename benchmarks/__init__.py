"""Measurements: `python -m benchmarks.<name>` prints medians beside a named peer."""
