"""What all suites have in common."""

import pytest

from transportlab.evidence.record import Sample
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.workload import SIZES
from transportlab.evidence.suites import STEADY, SUITES, carriage, load_suite


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_says_what_it_asks(name: str) -> None:
    assert load_suite(name).QUESTION.endswith("?")
    assert load_suite(name).UNIT in {"s", "1/s"}


def test_steady_suites_measure_on_one_plugin(task: Task) -> None:
    samples: list[Sample] = []
    with task.open({"faults": "requests"}) as opened:
        for name in STEADY:
            found = load_suite(name).measure(task, opened)
            assert found
            samples += found
    assert {sample.arm for sample in samples} == {task.arm.id}
    for sample in samples:
        assert sample.values == sorted(sample.values)
        assert sample.n >= 1
    keys = [(sample.case, sample.metric) for sample in samples]
    assert len(set(keys)) == len(keys)
    sizes = {case for case, _ in keys if case.startswith("Read/")}
    assert sizes == {f"Read/{size}" for size in SIZES}
    floors = {case for case, _ in keys if case.startswith("floor/")}
    assert bool(floors) == (carriage.floor_of(task.arm) is not None)
