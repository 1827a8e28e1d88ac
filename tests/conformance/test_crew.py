"""Tasks at once: the order of results, what never runs together, and the end."""

import threading
from collections.abc import Callable

import pytest

from transportlab.conformance.crew import Crew, Task
from transportlab.context import Cancellation

GUARD = 60.0


def crew(tasks: list[Task[int]], jobs: int, stop: Cancellation | None = None) -> Crew[int]:
    return Crew(tasks, jobs, stop or Cancellation())


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(jobs: int) -> None:
    last = threading.Event()

    def first() -> int:
        assert jobs == 1 or last.wait(GUARD)
        return 0

    def other(number: int) -> Callable[[], int]:
        def run() -> int:
            if number == 3:
                last.set()
            return number

        return run

    tasks = [Task(first), *(Task(other(number)) for number in range(1, 4))]
    assert list(crew(tasks, jobs).results()) == [0, 1, 2, 3]


def test_tasks_without_a_common_key_run_at_once() -> None:
    gate = threading.Barrier(2)
    tasks = [Task(lambda: gate.wait(GUARD) * 0, frozenset({key})) for key in "ab"]
    assert list(crew(tasks, 2).results()) == [0, 0]


def test_tasks_with_a_common_key_do_not() -> None:
    inside: list[int] = []
    most: list[int] = []

    def run() -> int:
        inside.append(1)
        most.append(len(inside))
        threading.Event().wait(0.01)  # gives another the chance to be wrong
        inside.pop()
        return 0

    list(crew([Task(run, frozenset({"key", number})) for number in range(8)], 4).results())
    assert most == [1] * 8


@pytest.mark.parametrize(("jobs", "wanted"), [(1, [1, 1]), (3, [2, 2])])
def test_what_is_in_doubt_runs_again_alone(jobs: int, wanted: list[int]) -> None:
    tries: dict[int, int] = {0: 0, 1: 0}
    running: set[int] = set()
    beside: list[set[int]] = []
    gate = threading.Barrier(2)

    def doubtful(number: int) -> Callable[[], int]:
        def run() -> int:
            running.add(number)
            tries[number] += 1
            if tries[number] == 1 and jobs > 1:
                gate.wait(GUARD)
            if tries[number] == 2:
                beside.append(set(running))
            running.discard(number)
            return tries[number]

        return run

    tasks = [Task(doubtful(number), doubts=lambda result: result == 1) for number in (0, 1)]
    assert list(crew(tasks, jobs).results()) == wanted
    assert beside in ([], [{0}, {1}], [{1}, {0}])


def test_what_nothing_ran_beside_is_not_in_doubt() -> None:
    tries: list[int] = []

    def run() -> int:
        tries.append(1)
        return len(tries)

    assert list(crew([Task(run, doubts=lambda _: True)], 3).results()) == [1]


def test_nothing_is_tried_again_after_the_end() -> None:
    stop = Cancellation()
    begun = threading.Barrier(3)
    tries: list[int] = []

    def long() -> int:
        tries.append(1)
        begun.wait(GUARD)
        stop.wait(GUARD)
        return 0

    tasks = [Task(lambda: 0), *(Task(long, doubts=lambda _: True) for _ in range(2))]
    results = crew(tasks, 3, stop).results()
    assert next(results) == 0
    begun.wait(GUARD)
    results.close()
    assert len(tries) == 2


def test_an_error_of_a_task_is_raised() -> None:
    def fails() -> int:
        raise ValueError("a bug")

    tasks = [Task(fails), Task(lambda: 0)]
    with pytest.raises(ValueError, match="a bug"):
        list(crew(tasks, 1).results())


def test_whoever_reads_no_further_ends_what_runs() -> None:
    stop = Cancellation()
    begun = threading.Event()
    ended: list[bool] = []

    def long() -> int:
        begun.set()
        ended.append(stop.wait(GUARD))
        return 0

    results = crew([Task(lambda: 0), *(Task(long) for _ in range(5))], 2, stop).results()
    assert next(results) == 0
    assert begun.wait(GUARD)
    results.close()
    assert ended
    assert all(ended)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("crew-")]
