"""Benchmarks: `python -m benchmarks [NAME...]` runs them and keeps the results with their conditions."""
