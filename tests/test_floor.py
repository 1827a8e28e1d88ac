"""Raw echoes: every byte comes back, and their processes end."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec

import pytest

from transportlab import floor
from transportlab.floor import Echo, Started, child, pipe_echo, socket_child, socket_echo
from transportlab.registry import transport_names

Floor = Callable[[Started], AbstractContextManager[Echo]]
OWN: dict[str, Floor] = {"pipe": pipe_echo, "socket": socket_echo}
FLOORS = OWN | {
    name: import_module(f"transports.{name}.floor").floor
    for name in transport_names()
    if find_spec(f"transports.{name}.floor") is not None
}


@pytest.fixture(autouse=True)
def _compiler(request: pytest.FixtureRequest) -> None:
    """A floor that is compiled needs a compiler."""
    name = getattr(request.node, "callspec", None)
    if name is not None and name.params.get("name") == "ffi":
        from transports.ffi.build import ToolMissing, compiler

        try:
            compiler()
        except ToolMissing as error:
            pytest.skip(f"not run: {error}")


@pytest.mark.parametrize("size", [0, 1, 64, 70_000, 5 << 20])
@pytest.mark.parametrize("name", FLOORS)
def test_every_byte_comes_back(name: str, size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + b"\n" * (size % 256)
    with FLOORS[name](lambda _: None) as echo:
        assert echo(payload) == payload
        assert echo(payload) == payload


@pytest.mark.parametrize("name", FLOORS)
def test_the_other_end_is_told_to_be_placed_and_gone_afterwards(name: str) -> None:
    pids: list[int] = []
    with FLOORS[name](pids.append) as echo:
        echo(b"x")
    assert len(pids) == (name != "ffi")  # a C call has no other end
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            import_module("os").kill(pid, 0)


def test_a_child_that_does_not_listen_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="before it listened"), socket_child("pass", bool):
        pass


def test_a_child_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "STOP_SECONDS", 0.1)
    with child("import time; time.sleep(100)", started=bool) as process:
        assert isinstance(process, subprocess.Popen)
    assert process.returncode == -9
