"""Pairs whose true ratio is known, and plugins to gate."""

import math
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from random import Random
from shutil import copy2
from sysconfig import get_path

import pytest

from transportlab.channel import EndpointKind
from transportlab.evidence.gate.decide import Pairs
from transportlab.registry import transport_names


@pytest.fixture(name="pairs", scope="session")
def _pairs() -> Callable[..., Pairs]:
    """Makes pairs around a ratio."""

    def pairs(ratio: float, *, number: int = 60, spread: float = 0.06, seed: int = 1) -> Pairs:
        chance = Random(seed)
        head = (0.1 * ratio * math.exp(chance.gauss(0, spread)) for _ in range(number))
        control = (0.01 * math.exp(chance.gauss(0, 0.05)) for _ in range(number))
        return Pairs(tuple(head), (0.1,) * number, tuple(control), (0.01,) * number)

    return pairs


@pytest.fixture(scope="session")
def echo() -> str:
    """The plugin of the echo backend."""
    return str(Path(get_path("scripts"), "cronix-backend-echo").absolute())


@pytest.fixture
def other(tmp_path: Path, echo: str) -> str:
    """Another build of it, which is equal."""
    return str(copy2(echo, tmp_path / "cronix-backend-other"))


@pytest.fixture(scope="session")
def library(echo: str) -> str:
    """The library of the echo backend."""
    if not Path(echo + ".so").exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    return echo + ".so"


@pytest.fixture
def builds(echo: str, other: str) -> tuple[str, str]:
    """Both of these."""
    return echo, other


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
def bare_base(tmp_path: Path, bare: Path) -> Path:
    """Another build of it, which is equal."""
    return Path(copy2(bare, tmp_path / "cronix-backend-bare-base"))


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
