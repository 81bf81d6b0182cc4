"""Benchmarks: commands that print the figures the project states."""
