"""Gives benchmarks the arms that can run here, and prints the ratios that they find."""

import random

import pytest

from bench.common import RATIOS
from bench.overhead import wires

SEED = 20_260_101


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a benchmark that takes (transport, codec) over every wire, in seeded random order."""
    if not {"transport", "codec"} <= set(metafunc.fixturenames):
        return
    arms = [
        pytest.param(
            name,
            codec,
            id=f"{name}-{codec}",
            marks=pytest.mark.skipif(not here, reason="not run: no C compiler, no libraries"),
        )
        for name, codec, here in wires()
    ]
    random.Random(SEED).shuffle(arms)
    metafunc.parametrize(("transport", "codec"), arms)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ratios under pytest-benchmark's own table."""
    if RATIOS:
        terminalreporter.section(
            "RemoteBackend against the raw call: median of starts [range], ! over 1.15"
        )
    for line in sorted(RATIOS):
        terminalreporter.write_line(line)
