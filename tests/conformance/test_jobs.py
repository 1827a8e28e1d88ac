"""Vectors at once: the same results in the same order as one by one, and a clean end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.conformance.conftest import Make
from tests.processes import children
from transportlab.channel import EndpointKind
from transportlab.conformance.arm import LEAST_BOUND
from transportlab.conformance.result import ArmResult, Outcome, Status
from transportlab.conformance.runner import Options, arms_of, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import Vector, load_vectors, select
from transportlab.data import ROOT
from transportlab.registry import transport_names

STDLIB = ROOT / "plugins" / "stdlib" / "cronix-backend-stdlib"
COMMAND = str(Path(sys.executable).with_name("transportlab"))
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}
WRONG = {**READ, "expect": {"error": {"code": "X"}}}


def told(
    vectors: Sequence[Vector], transports: Sequence[str], subject: Subject | None = None, **how: Any
) -> list[tuple[object, ...]]:
    """What is passed on, in its order, without the times."""
    found: list[tuple[object, ...]] = []

    def result(arm: ArmResult, o: Outcome) -> None:
        found.append((arm.name, o.vector.id, o.status, o.failure, o.reason, o.transcript))

    options = Options(
        on_result=result, on_arm=lambda arm: found.append((arm.name, len(arm.outcomes))), **how
    )
    report = run_matrix(transports, vectors, subject, options)
    assert [arm.name for arm in report.arms] == [row[0] for row in found if len(row) == 2]
    return found


def test_the_results_are_the_same_in_the_same_order(make: Make) -> None:
    shared = [v for v in load_vectors() if v.shares and v.transport in PROCESS][:4]
    fails = [make(WRONG, id="fails"), make({**WRONG, "timeout": 50}, id="fails-with-a-deadline")]
    plain = select(load_vectors(), ids=["read-empty", "handshake-line", "plan-orders-its-ops"])
    vectors = [fails[0], *plain, *shared, fails[1]]
    alone = told(vectors, ["direct", *PROCESS], jobs=1)
    assert alone == told(vectors, ["direct", *PROCESS], jobs=4)
    statuses = {row[2] for row in alone if len(row) > 2}
    assert statuses == {Status.PASS, Status.FAIL, Status.UNSUPPORTED}


def test_in_a_store_that_others_use_an_arm_waits_for_the_same_vector(make: Make) -> None:
    used = Subject("crontab", {"path": "{file}"}, frozenset(), faulty="", reference=False)
    fresh = replace(used, offers=frozenset({"fresh-store"}))
    first, second = make(READ, id="a"), make(READ, id="b")
    for subject, meets in ((used, True), (fresh, False)):
        arms = arms_of(PROCESS[:2], subject, Options())
        a, b = (arm.task(first).keys for arm in arms[:2])
        assert bool(a & b) is meets
        assert not a & arms[1].task(second).keys


def test_vectors_in_this_process_and_of_one_plugin_do_not_run_at_once(make: Make) -> None:
    [direct] = arms_of(["direct"], Subject(), Options())
    assert direct.task(make(READ, id="a")).keys & direct.task(make(READ, id="b")).keys
    arm = arms_of(["jsonrpc"], Subject(), Options())[0]
    a, b, *_ = (arm.task(v).keys for v in load_vectors() if v.shares and v.transport == "jsonrpc")
    assert a & b
    assert not arm.task(make(READ, id="a")).keys & arm.task(make(READ, id="b")).keys


@pytest.mark.parametrize(
    ("seconds", "step", "offers", "again"),
    [
        (0.1, WRONG, {"fresh-store"}, False),
        (LEAST_BOUND, WRONG, {"fresh-store"}, True),
        (0.1, {**WRONG, "timeout": 0.1}, {"fresh-store"}, True),
        (0.1, {**WRONG, "cancel_after": 0.2}, {"fresh-store"}, True),
        (0.1, {**WRONG, "request": {"app": "!sleep:1"}}, {"fresh-store"}, True),
        (0.1, WRONG, set(), True),
    ],
)
def test_what_load_can_do_to_a_vector_is_in_doubt(
    make: Make, seconds: float, step: dict[str, Any], offers: set[str], again: bool
) -> None:
    subject = Subject("x", {}, frozenset(offers), faulty="", reference=False)
    vector = make(step)
    doubts = arms_of(PROCESS[:1], subject, Options())[0].task(vector).doubts
    assert doubts(Outcome(vector, Status.FAIL, seconds=seconds)) is again
    assert not doubts(Outcome(vector, Status.PASS, seconds=seconds))


def test_a_vector_that_shares_a_plugin_is_not_tried_with_another_history() -> None:
    subject = Subject("x", {}, frozenset(), faulty="", reference=False)
    vector = next(v for v in load_vectors() if v.shares and v.transport == "jsonrpc")
    doubts = arms_of(["jsonrpc"], subject, Options())[0].task(vector).doubts
    assert not doubts(Outcome(vector, Status.FAIL, seconds=60.0))


def test_a_plugin_that_opens_no_session_beside_others_is_asked_again(tmp_path: Path) -> None:
    late = tmp_path / "cronix-backend-late"
    late.write_text(
        f"#!/bin/sh\nif mkdir {tmp_path}/asked 2>/dev/null; then sleep 1; exit 1; fi\n"
        f"exec {sys.executable} {STDLIB}\n"
    )
    late.chmod(0o755)
    subject = Subject(str(late), {}, frozenset({"fresh-store"}), faulty="", reference=False)
    vectors = select(load_vectors(), groups=["plan"])[:4]
    found = told(vectors, ["jsonrpc"], subject, jobs=4)
    assert {row[2] for row in found if len(row) > 2} == {Status.PASS}
    assert (tmp_path / "asked").is_dir()


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_one_signal_ends_all_and_leaves_nothing(tmp_path: Path, jobs: str) -> None:
    place, lines = tmp_path / "tmp", tmp_path / "out.jsonl"
    place.mkdir()
    words = ["conformance", "--transport", PROCESS[0], "--jobs", jobs, "--verbose"]
    words += ["--json-file", str(lines), "--vector", "read-empty"]
    words += ["--group", "read", "--group", "concurrency"] if jobs == "3" else []
    for vector in ("calls-at-once-are-bounded", "a-cancelled-call-does-not-disturb-others"):
        words += ["--vector", vector]
    out = interrupted(place, words, b"pass")
    assert out.endswith(b"\n")
    for line in lines.read_bytes().splitlines(keepends=True):
        assert line.endswith(b"\n")
        json.loads(line)


@pytest.mark.slow  # the first word of how far it is comes after some seconds
@pytest.mark.usefixtures("heeded_signals")
def test_one_signal_ends_random_sequences(tmp_path: Path) -> None:
    words = ["conformance", "--transport", PROCESS[0], "--random", "1000000", "--seed", "1"]
    out = interrupted(tmp_path, words, b" of 1000000 sequences\n")
    assert out.endswith(b"\n")


def interrupted(place: Path, words: Sequence[str], said: bytes) -> bytes:
    """Interrupt the command once a line has that in it. Returns all that it said."""
    running = subprocess.Popen(
        [COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(place)},
        start_new_session=True,
    )
    assert running.stdout is not None
    out = b""
    while said not in out:
        line = running.stdout.readline()
        assert line, out
        out += line
    plugins = children(running.pid)
    running.send_signal(signal.SIGINT)
    out += running.communicate(timeout=60)[0]
    assert running.returncode == 128 + signal.SIGINT, out
    assert b"Traceback" not in out
    assert not [pid for pid in plugins if Path(f"/proc/{pid}").exists()]
    assert not [*place.iterdir()]
    return out
