"""Each carriage's raw echo, by payload: what a transport is held against.

A transport's floor stands in its folder, transports/<name>/floor.py; those that need the operating
system alone in transportlab/floor.py.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from transportlab import floor as rawecho
from transportlab.errors import LabError
from transportlab.evidence.suites.carriage import floor_call
from transportlab.registry import transport_names

FLOORS: dict[str, Any] = {"pipe": rawecho.pipe_echo, "socket": rawecho.socket_echo}
FLOORS |= {
    name: import_module(f"transports.{name}.floor").floor
    for name in transport_names()
    if find_spec(f"transports.{name}.floor") is not None
}
SIZES = (64, 16 * 1024, 4 * 1024 * 1024)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FLOORS)
def test_floor(benchmark: Any, name: str, size: int) -> None:
    try:
        with FLOORS[name](lambda _: None) as echo:
            rounds = 10 if size > 1 << 20 else 300
            benchmark.pedantic(floor_call(echo, size), rounds=rounds, warmup_rounds=2)
    except LabError as error:
        pytest.skip(f"not run: {error}")
