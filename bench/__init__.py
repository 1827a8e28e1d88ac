"""Benchmarks; `pytest bench` runs them."""
