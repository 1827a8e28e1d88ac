"""Which runs belong together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from transportlab.evidence.analysis.runs import joined, libraries, machine_name, read, sort
from transportlab.evidence.record import Evidence, EvidenceError

Synthesize = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def run(synthesize: Synthesize) -> Callable[..., Evidence]:
    def run(seed: int, blocks: int = 2, **facts: Any) -> Evidence:
        made = synthesize(seed, blocks=blocks)
        made["facts"] |= facts
        return msgspec.convert(made, Evidence)

    return run


Run = Callable[..., Evidence]


def test_runs_of_one_machine_and_code_are_one_group(run: Run) -> None:
    found = sort([run(2), run(1), run(3, kernel="Linux 7")])
    assert [[one.seed for one in group] for group in found.groups] == [[1, 2, 3]]
    assert found.other_code == []


def test_another_machine_or_library_is_another_group_and_the_one_with_most_blocks_is_first(
    run: Run,
) -> None:
    found = sort([run(1), run(2, blocks=3, cpu={"model": "B"}), run(3, versions={"grpcio": "2"})])
    assert [[one.seed for one in group] for group in found.groups] == [[2], [1], [3]]


def test_a_library_that_no_measured_process_imports_makes_no_group(run: Run) -> None:
    found = sort([run(1), run(2, versions={"grpcio": "1.0", "ruff": "2", "hypothesis": "3"})])
    assert [[one.seed for one in group] for group in found.groups] == [[1, 2]]
    assert {"grpcio", "protobuf", "httpx", "h11", "msgspec"} <= libraries()
    assert not libraries() & {"ruff", "pytest", "numpy", "hypothesis"}


def test_runs_of_other_code_are_no_group(run: Run) -> None:
    old, new = run(1, source_sha256="a" * 64), run(2, source_sha256="b" * 64)
    assert sort([new, old]).groups == [[new]]
    assert sort([new, old]).other_code == [[old]]
    assert sort([new, old]).left_out == []
    assert sort([new, old], "a" * 64).groups == [[old]]
    assert sort([new, old], "c" * 64).groups == [[new]]


def test_the_newest_runs_of_other_code_stand_beside_by_machine(run: Run) -> None:
    amd: dict[str, Any] = {"cpu": {"model": "B"}}
    oldest, older = run(1, **amd, source_sha256="a" * 64), run(2, **amd, source_sha256="b" * 64)
    again, own = run(3, **amd, source_sha256="b" * 64), run(4, source_sha256="b" * 64)
    new = run(5, source_sha256="c" * 64)
    found = sort([again, new, own, older, oldest])
    assert (found.groups, found.other_code) == ([[new]], [[own], [older, again]])
    assert found.left_out == [oldest]


def test_a_run_is_compared_with_the_machine_that_is_most_like_its_own(run: Run) -> None:
    here, there = run(1, blocks=3), run(2, cpu={"model": "B"})
    other_python = run(3, cpu={"model": "B"}, python={"version": "3.14"})
    found = sort([here, there, other_python])
    for one in (here, there, other_python):
        assert found.like(one) == [one]
    assert found.like(run(4, cpu={"model": "B"}, programs={"plugin x": "0"})) == [there]
    assert found.like(run(5, cpu={"model": "C"})) == [here]
    other_library = run(6, blocks=3, versions={"grpcio": "2"})
    assert sort([here, other_library]).like(run(7, versions={"grpcio": "2"})) == [other_library]


def test_runs_of_other_code_are_compared_with_if_they_alone_are_of_such_a_cpu(run: Run) -> None:
    new, old = run(9), run(8, source_sha256="a" * 64)
    there = run(1, cpu={"model": "B"}, source_sha256="a" * 64)
    found = sort([new, old, there])
    assert found.groups == [[new]]
    assert found.like(run(10, cpu={"model": "B"})) == [there]
    assert found.like(run(11)) == [new]


def test_of_copies_of_a_run_the_longest_counts(run: Run) -> None:
    whole = run(1)
    part = msgspec.structs.replace(whole, complete=False, blocks=whole.blocks[:3])
    assert sort([part, whole, whole]).groups == [[whole]]


def test_joined_runs_have_the_blocks_of_all_and_the_facts_that_differ_as_lists(run: Run) -> None:
    one, two = run(1), run(2, kernel="Linux 7")
    both = joined([one, two])
    keys = {(block.suite, block.placement, block.number) for block in both.blocks}
    assert len(keys) == len(one.blocks) + len(two.blocks)
    assert both.facts["kernel"] == ["Linux | 6", "Linux 7"]
    assert both.facts["clock_source"] == "tsc"
    assert len(both.not_run) == 1


def test_a_machine_has_a_name_of_a_few_words(run: Run) -> None:
    assert machine_name(run(1)) == "A CPU, ? CPUs, Linux | 6, Python 3.11"
    there = run(1, topology={"available": [0, 1]}, cpu="not visible")
    assert machine_name(there).startswith("an unknown CPU, 2 CPUs")


def test_files_are_read(write_evidence: Write) -> None:
    assert len(read([write_evidence()]).groups) == 1
    with pytest.raises(EvidenceError, match="no evidence file"):
        read([])
