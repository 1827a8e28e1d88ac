"""Gives benchmarks the arms that can run here, and prints the ratios that they find."""

import random
from pathlib import Path
from sysconfig import get_path

import pytest

from bench.common import RATIOS
from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

SEED = 20_260_101


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a benchmark that takes (transport, codec) over every wire, in seeded random order."""
    if not {"transport", "codec"} <= set(metafunc.fixturenames):
        return
    arms = []
    for name in transport_names():
        traits = load_transport(name).traits
        library = Path(get_path("scripts"), "cronix-backend-echo.so")
        missing = traits.endpoint is EndpointKind.LIBRARY and not library.exists()
        marks = [pytest.mark.skipif(missing, reason="not run: no C compiler, no libraries")]
        arms += [
            pytest.param(name, codec, id=f"{name}-{codec}", marks=marks)
            for codec in traits.codecs
            if traits.wire
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
