"""Where host and plugin are put."""

import os
import subprocess
import sys

import pytest

from transportlab.evidence.run.placement import (
    SAME,
    SPLIT,
    UNPINNED,
    Placement,
    available_cpus,
    core_of,
    placement,
    threads,
)

CORES = {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}


def test_same_puts_both_on_one_cpu() -> None:
    assert placement(SAME, (2, 3), CORES.__getitem__) == Placement(SAME, (2,), (2,))


def test_split_takes_cpus_of_different_cores() -> None:
    assert placement(SPLIT, (0, 1, 2), CORES.__getitem__) == Placement(SPLIT, (0,), (2,))


def test_split_makes_do_with_one_core_that_has_two_cpus() -> None:
    assert placement(SPLIT, (0, 1), CORES.__getitem__) == Placement(SPLIT, (0,), (1,))


def test_split_needs_two_cpus_and_says_so() -> None:
    assert placement(SPLIT, (5,), str) == "only one CPU is available"


def test_unpinned_leaves_everything_to_the_scheduler() -> None:
    place = placement(UNPINNED, (0,), str)
    assert isinstance(place, Placement)
    before = os.sched_getaffinity(0)
    place.pin_host()
    place.pin_plugin(os.getpid())
    assert os.sched_getaffinity(0) == before


def test_a_pinned_process_runs_where_it_was_put() -> None:
    cpu = available_cpus()[-1]
    place = Placement(SPLIT, (cpu,), (cpu,))
    program = "import os, sys; sys.stdin.read(); print(*os.sched_getaffinity(0))"
    command = [sys.executable, "-c", program]
    for pin in (place.pin_host, place.pin_plugin):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            pin(process.pid)
            assert process.communicate()[0].split() == [str(cpu).encode()]


def test_threads_that_are_there_already_are_pinned_too() -> None:
    cpu = available_cpus()[-1]
    program = (
        "import sys, threading; threading.Thread(target=sys.stdin.read).start(); print(flush=True)"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        Placement(SPLIT, None, (cpu,)).pin_plugin(process.pid)
        found = threads(process.pid)
        assert len(found) == 2
        assert {tuple(os.sched_getaffinity(one)) for one in found} == {(cpu,)}
        process.communicate()


def test_a_core_is_known_by_the_cpus_that_share_it() -> None:
    assert all(str(cpu) in core_of(cpu) or "-" in core_of(cpu) for cpu in available_cpus())


def test_a_cpu_that_shows_no_core_is_one_of_its_own() -> None:
    assert core_of(99_999) == "99999"


@pytest.mark.parametrize("name", [SAME, SPLIT])
def test_only_available_cpus_are_taken(name: str) -> None:
    place = placement(name, available_cpus(), core_of)
    if isinstance(place, Placement):
        assert {*(place.host or ()), *(place.plugin or ())} <= set(available_cpus())
