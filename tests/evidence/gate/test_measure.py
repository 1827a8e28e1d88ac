"""The clocks, on real plugins, and the order of pairs, on clocks that are made up."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import LabError, PluginError
from transportlab.evidence.gate.measure import Recorder, Target, bare_spawn, interpreter
from transportlab.registry import transport_names


def test_pairs_are_taken_in_random_order() -> None:
    turns: list[str] = []

    def clock(name: str, seconds: float) -> Callable[[], float]:
        def tick() -> float:
            turns.append(name)
            return seconds

        return tick

    clocks = {"head": clock("h", 0.3), "base": clock("b", 0.2), "control": clock("c", 0.1)}
    recorder = Recorder(clocks, Random(1))
    for _ in range(30):
        recorder.pair()
    found = recorder.pairs
    assert len(recorder) == 30
    assert found.logs == pytest.approx([math.log(1.5)] * 30)
    assert (found.control, found.again) == ((0.1,) * 30, (0.1,) * 30)
    orders = {"".join(turns[start : start + 4]) for start in range(0, 120, 4)}
    assert all(sorted(order) == ["b", "c", "c", "h"] for order in orders)
    assert len(orders) > 3
    del clocks["base"]
    recorder = Recorder(clocks, Random(1))
    recorder.pair()
    assert recorder.pairs.logs == pytest.approx([math.log(3)])


def test_nothing_is_kept_of_a_pair_that_fails() -> None:
    def fails() -> float:
        raise LabError("it fell over")

    recorder = Recorder({"head": fails, "control": lambda: 0.1}, Random(1))
    with pytest.raises(LabError):
        recorder.pair()
    assert recorder.pairs.control == ()


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
        Target(str(broken), name).seconds()


@pytest.mark.parametrize("kind", [EndpointKind.STDIO, EndpointKind.LIBRARY])
def test_a_build_is_given_its_secrets_and_none_is_shown(
    kind: EndpointKind, request: pytest.FixtureRequest
) -> None:
    """A library's secrets come to its fresh host by a pipe, a program's as to any session."""
    build = request.getfixturevalue("library" if kind is EndpointKind.LIBRARY else "echo")
    name = transport_names(kind)[0]
    config, secrets = {"faults": "OpenSession=refuse:no {token}"}, {"token": "s3cr3t-5eb63"}
    assert Target(build, name, {}, secrets).seconds() > 0
    with pytest.raises(LabError) as caught:
        Target(build, name, config, secrets).seconds()
    assert "no [token]" in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + repr(Target(build, name, config, secrets))


@pytest.mark.parametrize("kind", [EndpointKind.STDIO, EndpointKind.LIBRARY])
def test_a_start_by_a_tool_has_its_variables_and_tells_its_lines(
    tmp_path: Path, kind: EndpointKind, request: pytest.FixtureRequest
) -> None:
    build = request.getfixturevalue("library" if kind is EndpointKind.LIBRARY else "echo")
    tool = tmp_path / "a tool"
    tool.write_text('#!/bin/sh\necho "by $TOOL" >&2\nexec "$@"\n')
    tool.chmod(0o755)
    lines = Target(build, transport_names(kind)[0]).traced([str(tool)], {"TOOL": "it's me"})
    assert "by it's me" in lines
