"""Who measures which block, and what the files hold. The cluster is made up: nothing runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from transportlab.errors import LabError, UsageError
from transportlab.evidence.analysis.runs import sort
from transportlab.evidence.cluster.agent import CONFORMED, Answer, Order, answer
from transportlab.evidence.cluster.engine import Told
from transportlab.evidence.cluster.files import name_of
from transportlab.evidence.cluster.run import TRIES, ClusterRun
from transportlab.evidence.record import Block, Conformance, Evidence, EvidenceError, NotRun, load
from transportlab.evidence.run.plan import Key, transport_arms
from transportlab.evidence.run.runner import Options

ARM = transport_arms()[0][0].id

A, B, C = (f"tcp://127.0.0.{number}:4000" for number in (1, 2, 3))


@pytest.fixture(scope="module")
def here() -> Answer:
    """What an agent on this machine says of a run of five blocks."""
    return answer(Order("quick", 1, ("session",), (ARM,)))


class Cluster:
    """An engine whose workers answer at once, unless they are held up."""

    def __init__(self, here: Answer, *workers: str) -> None:
        self.here = here
        self.there = dict.fromkeys(workers, "")
        self.facts: dict[str, dict[str, Any]] = {}
        self.others: dict[str, dict[str, Any]] = {}
        self.held: set[str] = set()
        self.orders: list[tuple[str, Order]] = []
        self.wrong: Callable[[str, Order], str] = lambda worker, order: ""
        self.then: Callable[[], None] = lambda: None
        self._given: dict[str, Order] = {}

    def workers(self) -> set[str]:
        return set(self.there)

    def give(self, worker: str, order: bytes) -> None:
        machine = name_of(worker)
        assert not [one for one in self._given if name_of(one) == machine], "one at a time"
        self._given[worker] = msgspec.json.decode(order, type=Order)
        self.orders.append((worker, self._given[worker]))

    def forget(self, worker: str) -> None:
        self._given.pop(worker, None)

    def take(self) -> Iterator[Told]:
        self.then()
        for worker, order in list(self._given.items()):
            if worker not in self.held and worker in self.there:
                del self._given[worker]
                if problem := self.wrong(worker, order):
                    yield Told(worker, problem=problem)
                else:
                    yield Told(worker, msgspec.json.encode(self.told(worker, order)))

    def told(self, worker: str, order: Order) -> Answer:
        others = {"seed": order.seed, "blocks": [], **self.others.get(worker, {})}
        if order.key == CONFORMED:
            others["conformance"] = Conformance(1, [])
        elif order.key is not None:
            _, placement, number = order.key
            arms = self.here.evidence.arms
            samples = [arm.one("a case", "total", 0.5) for arm in arms]
            names = [arm.id for arm in arms]
            others["blocks"] = [
                Block(
                    suite="session", number=number, placement=placement, order=names,
                    samples=samples,
                )
            ]  # fmt: skip
        facts = self.here.evidence.facts | self.facts.get(worker, {})
        return Answer(msgspec.structs.replace(self.here.evidence, facts=facts, **others), self.plan)

    @property
    def plan(self) -> list[Key]:
        return self.here.plan

    def blocks(self) -> list[tuple[str, Order]]:
        return [(worker, order) for worker, order in self.orders if order.key is not None]


def options(out: Path, **others: Any) -> Options:
    return Options("quick", out, 5, ("session",), arms=(ARM,), **others)


def go(cluster: Cluster, out: Path, **others: Any) -> tuple[ClusterRun, str]:
    told: list[str] = []
    run = ClusterRun(options(out, **others), told.append)
    run.go(cluster, 0, lambda seconds: None)
    return run, "\n".join(told)


def files(out: Path) -> list[Evidence]:
    return [load(path) for path in sorted(out.iterdir())]


def keys(found: list[Evidence]) -> Counter[Key]:
    return Counter(("session", b.placement, b.number) for one in found for b in one.blocks)


def test_machines_of_one_kind_share_the_blocks_and_have_a_file_each(
    here: Answer, tmp_path: Path
) -> None:
    cluster = Cluster(here, A, B, C)
    run, told = go(cluster, tmp_path / "out")
    found = files(tmp_path / "out")
    assert [path.name for path in run.files.paths] == sorted(
        f"{name_of(w)}.json.gz" for w in (A, B, C)
    )
    assert keys(found) == Counter(here.plan)
    assert all(one.complete for one in found)
    assert run.left() == []
    assert not run.files.resumable
    assert "5/5 session unpinned" in told
    (group,) = sort(found).groups
    assert len(group) == 3
    assert len({one.seed for one in found}) == 3


def test_the_order_of_a_machine_follows_from_the_seed_and_its_address(
    here: Answer, tmp_path: Path
) -> None:
    clusters = [Cluster(here, A, B), Cluster(here, B, A)]
    for number, cluster in enumerate(clusters):
        go(cluster, tmp_path / str(number))
    one, other = ({w: order.seed for w, order in cluster.orders} for cluster in clusters)
    assert one == other


def test_workers_at_one_address_are_one_machine(here: Answer, tmp_path: Path) -> None:
    go(Cluster(here, A, "tcp://127.0.0.1:4001", "tcp://127.0.0.1:4002"), tmp_path)
    (found,) = files(tmp_path)  # Cluster.give() has seen that no two blocks ran at once
    assert keys([found]) == Counter(here.plan)


def test_a_file_tells_no_address(here: Answer, tmp_path: Path) -> None:
    go(Cluster(here, "tcp://machine.example:4000"), tmp_path)
    (path,) = tmp_path.iterdir()
    assert "example" not in path.name
    assert "example" not in str(msgspec.to_builtins(load(path)))


def test_the_block_of_a_lost_worker_is_measured_elsewhere(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A, B)

    def hold_b_at_its_first_block_and_lose_it_later() -> None:
        if B in {worker for worker, _ in cluster.blocks()}:
            cluster.held = {B}
        if len(cluster.blocks()) > 3:
            cluster.there.pop(B, None)

    cluster.then = hold_b_at_its_first_block_and_lose_it_later
    run, told = go(cluster, tmp_path)
    assert f"{B}: the worker is gone" in told
    assert "to be measured again" in told
    (lost,) = (order.key for worker, order in cluster.blocks() if worker == B)
    assert [worker for worker, order in cluster.blocks() if order.key == lost] == [B, A]
    assert keys(files(tmp_path)) == Counter(here.plan)
    assert run.left() == []


def test_a_machine_of_another_kind_has_all_blocks_and_gaps_of_its_own(
    here: Answer, tmp_path: Path
) -> None:
    cluster = Cluster(here, A, B, C)
    cluster.facts[C] = {"cpu": {"model": "another"}}
    cluster.others[C] = {"not_run": [NotRun("go/sdk/grpc-json", "no go")]}
    _, told = go(cluster, tmp_path)
    found = files(tmp_path)
    assert keys(found) == Counter(here.plan * 2)
    assert sorted(len(group) for group in sort(found).groups) == [1, 2]
    assert f"{C}: not run: go/sdk/grpc-json: no go" in told
    (own,) = (one for one in found if one.facts["cpu"] == {"model": "another"})
    assert own.not_run == cluster.others[C]["not_run"]
    assert keys([own]) == Counter(here.plan)


def test_the_conformance_matrix_is_run_once_for_a_kind(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(Answer(here.evidence, [*here.plan, CONFORMED]), A, B)
    go(cluster, tmp_path)
    found = files(tmp_path)
    assert [order.key for _, order in cluster.orders].count(CONFORMED) == 1
    assert sum(one.conformance is not None for one in found) == 1


@pytest.mark.parametrize(
    ("others", "facts", "problem"),
    [
        ({}, {"source_sha256": "0" * 64}, "with code 000000000000, expected"),
        ({"project_version": "9.9"}, {}, "it has transportlab 9.9 with code"),
    ],
)
def test_a_worker_with_other_code_measures_nothing_and_is_named(
    here: Answer, tmp_path: Path, others: dict[str, Any], facts: dict[str, Any], problem: str
) -> None:
    cluster = Cluster(here, A, B)
    cluster.others[B], cluster.facts[B] = others, facts
    run, told = go(cluster, tmp_path)
    (line,) = (line for line in told.splitlines() if "left out" in line)
    assert line.startswith(f"{B}: left out: ")
    assert problem in line
    assert "install transportlab" in line
    assert {worker for worker, _ in cluster.blocks()} == {A}
    assert run.left() == []


def test_a_worker_whose_answer_cannot_be_read_is_left_out(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A)
    told: list[str] = []
    run = ClusterRun(options(tmp_path), told.append)
    cluster.told = lambda worker, order: here.evidence  # type: ignore[assignment, method-assign, return-value]  # as another version would
    with pytest.raises(LabError, match="no worker that can measure"):
        run.go(cluster, 0, lambda seconds: None)
    assert "its answer is not one of this version" in "\n".join(told)


def test_a_worker_that_differs_from_its_machine_is_left_out(here: Answer, tmp_path: Path) -> None:
    again = "tcp://127.0.0.1:4001"
    cluster = Cluster(here, A, again)
    cluster.facts[again] = {"protobuf_backend": "another"}
    _, told = go(cluster, tmp_path)
    assert f"{again}: left out: not as when " in told
    assert "fact protobuf_backend: " in told
    assert {worker for worker, _ in cluster.blocks()} == {A}


def test_without_a_worker_that_can_measure_the_run_ends(here: Answer, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no worker that can measure was there within 0 s"):
        go(Cluster(here), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_was_measured_before_all_workers_were_gone_is_kept_and_resumed(
    here: Answer, tmp_path: Path
) -> None:
    cluster = Cluster(here, A, B)

    def then() -> None:
        if len(cluster.blocks()) > 3:
            cluster.there.clear()

    cluster.then = then
    run, _ = go(cluster, tmp_path)
    before = files(tmp_path)
    assert [len(one.blocks) for one in before] == [1, 1]
    assert not any(one.complete for one in before)
    assert run.files.resumable
    (problem,) = run.left()
    assert problem.startswith("3 blocks of machine-")
    assert problem.endswith("no worker on a machine of this kind was left")
    cluster = Cluster(here, B, C)
    run, _ = go(cluster, tmp_path, resume=True)
    after = {one.seed: one for one in files(tmp_path)}
    assert len(after) == 3
    assert keys(list(after.values())) == Counter(here.plan)
    assert all(one.complete for one in after.values())
    for one in before:
        assert after[one.seed].blocks[0] == one.blocks[0]


def test_an_interrupted_run_keeps_what_it_has(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A)

    def then() -> None:
        if len(cluster.blocks()) > 2:
            raise KeyboardInterrupt

    cluster.then = then
    with pytest.raises(KeyboardInterrupt):
        go(cluster, tmp_path)
    (found,) = files(tmp_path)
    assert len(found.blocks) == 2
    assert not found.complete


def test_a_block_that_is_lost_again_and_again_is_given_up(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A, B)
    bad = here.plan[1]
    cluster.wrong = lambda worker, order: "it fell over" if order.key == bad else ""
    run, told = go(cluster, tmp_path)
    assert [order.key for _, order in cluster.orders].count(bad) == TRIES
    assert f"given up, as it was lost {TRIES} times" in told
    found = files(tmp_path)
    assert keys(found) == Counter(set(here.plan) - {bad})
    assert [gap for one in found for gap in one.not_run if "given up" in gap.why]
    (problem,) = run.left()
    assert problem.startswith(f"session unpinned {bad[2] + 1}: given up")
    assert all(one.complete for one in found)


def test_a_worker_that_fails_again_and_again_is_left_out(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A, B)
    cluster.wrong = lambda worker, order: "no space" if worker == B and order.key else ""
    run, told = go(cluster, tmp_path)
    assert {worker for worker, _ in cluster.blocks()} == {A, B}
    assert keys(files(tmp_path)) == Counter(here.plan)
    assert run.left() == []
    assert f"{B}: no space" in told


def test_an_arm_that_failed_in_every_block_is_told(here: Answer, tmp_path: Path) -> None:
    cluster = Cluster(here, A)
    gap = NotRun("session/control in a block", "exit status 1: broken")
    cluster.others[A] = {"not_run": [gap]}
    told = cluster.told

    def without_control(worker: str, order: Order) -> Answer:
        found = told(worker, order)
        for block in found.evidence.blocks:
            block.samples[:] = [s for s in block.samples if s.arm != "control"]
        return found

    cluster.told = without_control  # type: ignore[method-assign]
    run, _ = go(cluster, tmp_path)
    assert run.left() == ["session/control failed in every block: exit status 1: broken"]


def test_a_folder_that_has_files_is_neither_replaced_nor_resumed_by_chance(
    here: Answer, tmp_path: Path
) -> None:
    go(Cluster(here, A), tmp_path)
    with pytest.raises(UsageError, match="has files of machines already; --resume continues"):
        ClusterRun(options(tmp_path), print)
    with pytest.raises(EvidenceError, match="the run is complete; there is nothing to resume"):
        ClusterRun(options(tmp_path, resume=True), print)


def test_what_cannot_be_a_folder_of_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="there is no file machine-"):
        ClusterRun(options(tmp_path, resume=True), print)
    file = tmp_path / "e.json"
    file.write_text("mine")
    with pytest.raises(UsageError, match="a file for each machine into a folder"):
        ClusterRun(options(file), print)


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"profile": "huge"}, "unknown profile huge"),
        ({"suites": ("hash",)}, "unknown suite hash"),
        ({"arms": ("nobody",)}, "nobody is neither an arm nor NAME=VALUE"),
    ],
)
def test_unknown_names_are_refused_before_any_worker_is_asked(
    tmp_path: Path, others: dict[str, Any], problem: str
) -> None:
    known: dict[str, Any] = {"profile": "quick", "out": tmp_path, "arms": ("codec-json",)}
    with pytest.raises(UsageError, match=problem):
        ClusterRun(Options(**(known | others)), print)
