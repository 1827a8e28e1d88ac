"""Batches whose true ratio is known, and plugins to gate."""

import math
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from random import Random
from sysconfig import get_path

import pytest

from transportlab.channel import EndpointKind
from transportlab.evidence.gate.decide import Batch
from transportlab.registry import transport_names


@pytest.fixture(name="pairs", scope="session")
def _pairs() -> Callable[..., Batch]:
    """Makes a batch around a ratio."""

    def pairs(ratio: float, *, number: int = 60, spread: float = 0.06, seed: int = 1) -> Batch:
        chance = Random(seed)
        logs = tuple(math.log(ratio) + chance.gauss(0, spread) for _ in range(number))
        return Batch(logs, tuple(chance.gauss(0, 0.05) for _ in range(number)))

    return pairs


@pytest.fixture(scope="session")
def echo() -> str:
    """The plugin of the echo backend."""
    return str(Path(get_path("scripts"), "cronix-backend-echo").absolute())


@pytest.fixture(scope="session")
def library(echo: str) -> str:
    """The library of the echo backend."""
    if not Path(echo + ".so").exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    return echo + ".so"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A plugin on nothing but the wire, that starts as fast as an interpreter can."""
    program = tmp_path / "cronix-backend-bare"
    program.write_text(
        f"#!{sys.executable} -SE\n"
        + textwrap.dedent("""\
            import sys
            print("CRONIX-PLUGIN-V1 stdio", flush=True)
            for line in sys.stdin:
                tail = line.partition('"id":')[2]
                call = tail.split(",")[0].rstrip("}\\n ")
                opened = '{"protocol_version":1,"plugin_name":"bare","plugin_version":"1"}'
                reply = opened if "OpenSession" in line else "{}"
                if call:
                    print('{"jsonrpc":"2.0","id":%s,"result":%s}' % (call, reply), flush=True)
            """)
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def dead(tmp_path: Path) -> str:
    """A plugin that ends before it says anything."""
    program = tmp_path / "cronix-backend-dead"
    program.write_text("#!/bin/sh\necho no store today >&2\nexit 3\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="session")
def stdio() -> str:
    """The transport of a plugin on its standard streams."""
    return transport_names(EndpointKind.STDIO)[0]
