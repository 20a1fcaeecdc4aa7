"""Benchmarks: whole programs side by side, and each kernel alone."""
