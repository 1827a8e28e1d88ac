"""A real Dask cluster on loopback: a scheduler, and workers as processes of their own.

Each worker has an address of its own, 127.0.0.1 and so on, and so is a machine of its own.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from sysconfig import get_path
from typing import TypeVar

import pytest

from tests.command import Done, in_process
from tests.processes import children
from transportlab.evidence.analysis.runs import sort
from transportlab.evidence.record import Evidence, load
from transportlab.evidence.run.plan import transport_arms
from transportlab.registry import load_transport

DASK = str(Path(get_path("scripts"), "dask"))
COMMAND = str(Path(get_path("scripts"), "transportlab"))
T = TypeVar("T")

pytestmark = pytest.mark.timeout(1800)

HANG_GUARD = 1500.0
"""A run takes minutes where much else runs, as only one agent of a machine is at work at a time."""

LOOK = 0.02

ARM = next(a.id for a in transport_arms()[0] if load_transport(a.transport).traits.isolated)
"""An arm that has a plugin process."""

WORKER = "transportlab.evidence.run.worker"
"""The module of a process that measures."""

WHAT = ("--suite", "session", "--arm", ARM)


class Cluster:
    """A scheduler, and what is started beside it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        file = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.scheduler = self._start(DASK, "scheduler", *options, "--scheduler-file", str(file))
        self.address = until(lambda: _address(file))

    def worker(self, number: int) -> "subprocess.Popen[bytes]":
        """Start a worker on the machine of that number."""
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        place = ("--host", f"127.0.0.{number}", "--local-directory", str(self._folder))
        return self._start(DASK, "worker", self.address, *options, *place)

    def worker_without_the_package(self) -> None:
        """Start a worker that does not find this package, and wait until it is there."""
        hidden = "import sys; sys.modules['transportlab'] = None"
        code = f"{hidden}; from distributed.cli.dask_worker import main; main()"
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.4")
        place = ("--local-directory", str(self._folder))
        self._start(sys.executable, "-c", code, self.address, *options, *place)
        log = self._folder / "log.txt"
        until(lambda: "Registered to:" in log.read_text())

    def evidence(self, out: Path, *words: str) -> "subprocess.Popen[bytes]":
        """Start a run, its stderr in a file."""
        command = (COMMAND, "evidence", "--dask", self.address, "--out", str(out), *words)
        return self._start(*command, to=out.with_suffix(".txt"))

    def _start(self, *command: str, to: Path | None = None) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((to or self._folder / "log.txt").open("ab"))
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(_end, started)
        return started


def _address(file: Path) -> str:
    with suppress(OSError, ValueError):
        return str(json.loads(file.read_text())["address"])
    return ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def until(found: Callable[[], T]) -> T:
    """What the function returns as soon as it is true."""
    end = time.monotonic() + HANG_GUARD
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(LOOK)
    return value


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def below(pid: int) -> dict[int, str]:
    """The command lines of the processes that a process has started, and they again."""
    found: dict[int, str] = {}
    with suppress(OSError):  # it may end meanwhile
        for child in children(pid):
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            found |= {child: words.replace(b"\0", b" ").decode()} | below(child)
    return found


def held(pid: int) -> dict[int, str]:
    """As measuring(), and its block goes on until go_on(): the process that measures is stopped."""
    found = measuring(pid)
    try:
        for one in [one for one, words in found.items() if WORKER in words]:
            os.kill(one, signal.SIGSTOP)
            until(partial(halted, one))
            if state(one) != "T":
                return {}
    except ProcessLookupError:
        return {}
    return found


def halted(pid: int) -> bool:
    return state(pid) in ("T", "Z", "")


def go_on(pids: dict[int, str]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def measuring(pid: int) -> dict[int, str]:
    """The processes below a worker, if one of them measures."""
    found = below(pid)
    return found if any(WORKER in words for words in found.values()) else {}


def gone(pids: dict[int, str]) -> bool:
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    return state(pid) not in ("Z", "")


def state(pid: int) -> str:
    """What a process does, in a letter of proc(5); empty if there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def files(out: Path) -> list[Evidence]:
    return [load(path) for path in sorted(out.iterdir())]


def numbers(found: list[Evidence]) -> Counter[int]:
    return Counter(block.number for one in found for block in one.blocks)


@pytest.mark.long
def test_a_worker_that_is_killed_in_a_block_leaves_no_process_and_the_others_repeat_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    workers = {number: cluster.worker(number) for number in (1, 2, 3)}
    out = tmp_path / "machines"
    run = cluster.evidence(out, *WHAT, "--profile", "quick")

    def busy() -> "list[tuple[subprocess.Popen[bytes], dict[int, str]]]":
        return [(one, found) for one in workers.values() if (found := held(one.pid))]

    killed, processes = until(busy)[0]
    killed.kill()
    go_on(processes)
    assert run.wait(HANG_GUARD) == 0, (tmp_path / "machines.txt").read_text()
    until(lambda: gone(processes))
    told = (tmp_path / "machines.txt").read_text()
    (lost,) = re.findall(r"^(tcp://\S+): the worker is gone$", told, re.M)
    (again,) = re.findall(r"^(session unpinned \d): to be measured again$", told, re.M)
    (where,) = re.findall(rf"^\d/5 {again} on (\S+)$", told, re.M)
    assert where != lost
    found = files(out)
    assert numbers(found) == Counter(range(5))
    assert all(one.complete for one in found)
    assert len(found) in {2, 3}
    (group,) = sort(found).groups
    assert group == sorted(found, key=lambda one: (one.started, one.seed))
    for worker in workers.values():
        assert not below(worker.pid)


@pytest.mark.long
@pytest.mark.usefixtures("heeded_signals")
def test_an_interrupted_run_leaves_no_process_on_a_worker_and_is_resumed(
    cluster: Cluster, tmp_path: Path
) -> None:
    worker = cluster.worker(1)
    out, told = tmp_path / "machines", tmp_path / "machines.txt"
    what = ("--suite", "session", "--suite", "unary", "--arm", ARM, "--profile", "smoke")
    run = cluster.evidence(out, *what)
    processes = until(lambda: held(worker.pid) if "1/2 " in told.read_text() else {})
    run.send_signal(signal.SIGINT)
    go_on(processes)
    assert run.wait(HANG_GUARD) == 128 + signal.SIGINT
    assert not below(worker.pid)
    (line,) = (line for line in told.read_text().splitlines() if line.startswith("to resume: "))
    options = "--resume --dask " + cluster.address
    assert f"transportlab evidence --profile smoke --out {out} {options} --suite session" in line
    assert "Traceback" not in told.read_text()
    (before,) = files(out)
    assert not before.complete
    again = cluster.evidence(out, *what, "--resume")
    assert again.wait(HANG_GUARD) == 0, told.read_text()
    (after,) = files(out)
    assert after.complete
    assert after.blocks[0] == before.blocks[0]
    assert {block.suite for block in after.blocks} == {"session", "unary"}


@pytest.mark.long
def test_a_scheduler_that_is_gone_ends_the_run_and_what_its_workers_do(
    cluster: Cluster, tmp_path: Path
) -> None:
    worker = cluster.worker(1)
    run = cluster.evidence(tmp_path / "machines", *WHAT, "--profile", "smoke")
    processes = until(lambda: held(worker.pid))
    cluster.scheduler.kill()
    go_on(processes)
    assert run.wait(HANG_GUARD) == 1
    told = (tmp_path / "machines.txt").read_text()
    assert f"error: --dask {cluster.address}: the scheduler is gone" in told
    assert "Traceback" not in told
    worker.kill()
    until(lambda: gone(processes))


@pytest.mark.long
def test_without_a_worker_that_can_measure_the_command_ends_after_the_stated_wait(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.worker_without_the_package()
    run = cluster.evidence(tmp_path / "machines", *WHAT, "--dask-wait", "1")
    assert run.wait(HANG_GUARD) == 1
    first, refused, last = (tmp_path / "machines.txt").read_text().splitlines()
    assert first == "waiting for workers, at most 1 s"
    assert re.match(r"tcp://127\.0\.0\.4:\d+: left out: .*'?transportlab'?.*; install", refused)
    assert last == "error: no worker that can measure was there within 1 s"


@pytest.mark.long
def test_where_no_scheduler_answers_the_command_ends_with_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections, and says nothing
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = [COMMAND, "evidence", "--dask", address, "--out", str(tmp_path / "m")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: --dask {address}: no Dask scheduler answers within 10 s; `dask scheduler` starts"
        " one"
    ]


def command(*words: object) -> Done:
    return in_process(["evidence", *map(str, words)], {"NO_COLOR": "1"})


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "tcp://127.0.0.1:many", ":1"])
def test_what_is_no_address_is_an_error_of_usage(tmp_path: Path, address: str) -> None:
    result = command("--dask", address, "--out", tmp_path / "m")
    assert result.code == 2
    assert f"--dask {address}: expected the address of a Dask scheduler" in result.output


def test_options_that_do_not_go_together_are_errors_of_usage(tmp_path: Path) -> None:
    result = command("--dask-wait", 5, "--out", tmp_path / "e.json")
    assert result.code == 2
    assert "--dask-wait: goes with --dask" in result.output
    result = command("--dask", "127.0.0.1:8786", "--force")
    assert result.code == 2
    assert "--force: --dask replaces no file" in result.output


def test_without_dask_the_command_says_how_to_install_it(tmp_path: Path) -> None:
    # In a process of its own: what others have imported stays as it is.
    words = ["evidence", "--dask", "127.0.0.1:8786", "--out", str(tmp_path / "m")]
    code = f"""
import sys
sys.modules["distributed"] = None
sys.argv[1:] = {words}
from transportlab.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert (
        "distributed is not installed; it comes with: pip install 'transportlab[dask]'"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
