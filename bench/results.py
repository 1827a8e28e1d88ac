"""Ratios that benchmarks find beside their times, for the summary at the end of the run."""

RATIOS: list[str] = []
