"""The clocks, on real plugins, and the order of a batch, on clocks that are made up."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import LabError, PluginError
from transportlab.evidence.gate.measure import Target, bare_spawn, batch, interpreter
from transportlab.registry import transport_names


def test_a_batch_pairs_in_random_order_and_stops_in_time() -> None:
    turns: list[str] = []

    def clock(name: str, seconds: float) -> Callable[[], float]:
        def tick() -> float:
            turns.append(name)
            return seconds

        return tick

    clocks = {"head": clock("h", 0.3), "base": clock("b", 0.2), "control": clock("c", 0.1)}
    found = batch(clocks, 30, 60, Random(1))
    assert found.logs == pytest.approx([math.log(1.5)] * 30)
    assert found.control == pytest.approx([0.0] * 30)
    orders = {"".join(turns[start : start + 4]) for start in range(0, 120, 4)}
    assert all(sorted(order) == ["b", "c", "c", "h"] for order in orders)
    assert len(orders) > 3
    assert batch(clocks, 30, 0, Random(1)).logs == ()
    del clocks["base"]
    assert batch(clocks, 2, 60, Random(1)).logs == pytest.approx([math.log(3)] * 2)


def test_the_controls_interpreter_is_the_one_of_the_plugins_first_line(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_text("#!/usr/bin/env python3 -S\n")
    assert Path(interpreter(str(program))).name.startswith("python")
    program.write_bytes(b"\x7fELF")
    assert interpreter(str(program)) == sys.executable
    program.write_text("#!/bin/sh\n")
    assert interpreter(str(program)) == sys.executable
    assert bare_spawn(sys.executable) > 0


def test_a_library_that_cannot_be_opened_is_an_error_with_the_reason(tmp_path: Path) -> None:
    name = transport_names(EndpointKind.LIBRARY)[0]
    broken = tmp_path / "cronix-backend-broken.so"
    broken.write_bytes(b"no library")
    with pytest.raises(PluginError, match="could not be opened"):
        Target(str(broken), name).handshake()


@pytest.mark.parametrize("kind", [EndpointKind.STDIO, EndpointKind.LIBRARY])
def test_a_build_is_given_its_secrets_and_none_is_shown(
    kind: EndpointKind, request: pytest.FixtureRequest
) -> None:
    """A library's secrets come to its fresh host by a pipe, a program's as to any session."""
    build = request.getfixturevalue("library" if kind is EndpointKind.LIBRARY else "echo")
    name = transport_names(kind)[0]
    config, secrets = {"faults": "OpenSession=refuse:no {token}"}, {"token": "s3cr3t-5eb63"}
    assert Target(build, name, {}, secrets).handshake() > 0
    with pytest.raises(LabError) as caught:
        Target(build, name, config, secrets).handshake()
    assert "no [token]" in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + repr(Target(build, name, config, secrets))
