"""What an agent does with an order, and that it ends when nobody wants it any longer."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
import pytest

from transportlab.errors import LabError, UsageError
from transportlab.evidence.cluster import agent
from transportlab.evidence.cluster.agent import CONFORMED, Answer, Order, answer
from transportlab.evidence.record import Affinity, Conformance
from transportlab.evidence.run import runner
from transportlab.evidence.run.machine import source_digest
from transportlab.evidence.run.plan import transport_arms
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.worker import Result

ARM = transport_arms()[0][0].id
ORDER = Order("smoke", 7, ("session", "unary"), (ARM,))
pytestmark = pytest.mark.timeout(1800)

HANG_GUARD = 1500.0
"""It may have to wait for agents of other tests: only one of a machine is at work at a time."""


@pytest.fixture(autouse=True)
def _made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def made_up(task: Task) -> Result:
        samples = {suite: [task.arm.one("a case", "total", 0.5)] for suite in task.suites}
        return Result(samples, Affinity((0,), []))

    monkeypatch.setattr(runner, "run_task", made_up)


def ordered(key: tuple[str, str, int] | None) -> Answer:
    return answer(msgspec.structs.replace(ORDER, key=key))


def test_a_machine_describes_itself_and_its_plan() -> None:
    found = ordered(None)
    assert found.evidence.blocks == []
    assert found.evidence.seed == 7
    assert found.evidence.facts["source_sha256"] == source_digest()
    assert sorted(found.plan) == [("session", "unpinned", 0), ("steady", "unpinned", 0)]


def test_a_block_is_measured_in_the_order_of_the_seed() -> None:
    key = ("steady", "unpinned", 0)
    one, other = (ordered(key) for _ in range(2))
    (block,) = one.evidence.blocks
    assert (block.suite, block.placement, block.number) == ("unary", "unpinned", 0)
    assert [block.order] == [again.order for again in other.evidence.blocks]
    assert {sample.arm for sample in block.samples} == {ARM, f"{ARM}#2", "control"}


def test_without_suites_the_plan_ends_with_the_conformance_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "conformance", lambda arms: Conformance(len(arms), []))
    found = answer(Order("smoke", 7, (), (ARM,), CONFORMED))
    assert found.plan[-1] == CONFORMED
    assert found.evidence.conformance == Conformance(1, [])
    assert found.evidence.blocks == []


def test_what_this_machine_cannot_measure_is_an_error() -> None:
    with pytest.raises(LabError, match="there is no block"):
        ordered(("steady", "split", 0))
    with pytest.raises(UsageError, match="not run: no such file"):
        answer(Order("smoke", 7, (), ("name=mine,plugin=/no/such,transport=jsonrpc",)))


@pytest.mark.usefixtures("occupied")
def test_only_one_agent_of_a_machine_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE", 0.0)
    with pytest.raises(LabError, match="another agent measures here"):
        ordered(None)


@pytest.fixture
def process() -> Iterator[Callable[[bytes], "subprocess.Popen[bytes]"]]:
    """Starts an agent with a line on its stdin, which stays open."""
    started: list[subprocess.Popen[bytes]] = []

    def process(line: bytes) -> "subprocess.Popen[bytes]":
        pipe = subprocess.PIPE
        found = subprocess.Popen(
            [sys.executable, "-m", agent.__name__], stdin=pipe, stdout=pipe, stderr=pipe
        )
        started.append(found)
        assert found.stdin is not None
        found.stdin.write(line + b"\n")
        found.stdin.flush()
        return found

    yield process
    for one in started:
        with one:
            one.kill()


Process = Callable[[bytes], "subprocess.Popen[bytes]"]


def test_the_process_answers_while_its_stdin_is_open(process: Process) -> None:
    found = process(msgspec.json.encode(ORDER))
    assert found.stdout is not None
    told = msgspec.json.decode(found.stdout.read(), type=Answer)
    assert found.wait(HANG_GUARD) == 0
    assert len(told.plan) == 2


def test_the_process_says_in_one_line_why_it_cannot_do_it(process: Process) -> None:
    found = process(msgspec.json.encode(msgspec.structs.replace(ORDER, arms=("nobody",))))
    assert found.stderr is not None
    (line,) = found.stderr.read().decode().splitlines()
    assert line.startswith("--arm nobody: nobody is neither an arm nor NAME=VALUE; there are; ")
    assert found.wait(HANG_GUARD) == 1


@pytest.mark.usefixtures("occupied")
def test_the_process_ends_at_the_end_of_its_stdin(process: Process) -> None:
    found = process(msgspec.json.encode(ORDER))
    assert found.poll() is None
    assert found.stdin is not None
    found.stdin.close()
    assert found.wait(HANG_GUARD) == 1
    assert found.stderr is not None
    assert found.stderr.read() == b"stopped\n"
