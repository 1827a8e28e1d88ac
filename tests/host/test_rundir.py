"""Private directories: those of hosts that died go, those of hosts that live stay."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.processes import largest_file
from transportlab.channel import EndpointKind, SocketEndpoint
from transportlab.errors import PluginError
from transportlab.host import open_backend
from transportlab.host.launch import MAX_SOCKET_PATH
from transportlab.host.rundir import (
    PREFIX,
    make_rundir,
    remove_abandoned,
    temporary_directory,
)
from transportlab.registry import transport_names

SOCKET = transport_names(EndpointKind.SOCKET)[0]

HOST = """
import os, signal, sys
from contextlib import ExitStack
from transportlab.host.rundir import make_rundir
with ExitStack() as undo:
    folder = make_rundir(undo, "x", sys.argv[1])
    open(os.path.join(folder, "s"), "w").close()
    print(folder, flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


@pytest.fixture
def place() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        yield folder


def host(place: str, how: str) -> "subprocess.Popen[str]":
    """Another host, that dies once it has a private directory or holds it to the end of stdin."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOST, place, how]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def first_line(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_the_directory_is_private_and_goes_with_its_session(place: str) -> None:
    with ExitStack() as undo:
        folder = Path(make_rundir(undo, "x", place))
        assert folder.name.startswith(PREFIX)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert remove_abandoned(place) == 0
        assert folder.is_dir()
    assert os.listdir(place) == []


def test_what_a_killed_host_left_behind_goes_and_what_a_living_one_holds_stays(place: str) -> None:
    with host(place, "die") as dead, host(place, "live") as living:
        left, held = first_line(dead), first_line(living)
        assert dead.wait(30) == -signal.SIGKILL
        assert {left, held} == set(Path(place).iterdir())
        assert remove_abandoned(place) == 1
        assert [held] == list(Path(place).iterdir())
    assert os.listdir(place) == []


def test_the_next_start_of_a_plugin_tidies_up() -> None:
    with host(tempfile.gettempdir(), "die") as dead:
        left = first_line(dead)
        assert left.is_dir()
        assert dead.wait(30) == -signal.SIGKILL  # until then it holds its lock
        with open_backend("echo", SOCKET):
            assert not left.exists()


def test_the_directory_for_short_paths_is_tidied_up_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    with tempfile.TemporaryDirectory(prefix="x" * MAX_SOCKET_PATH) as long:
        monkeypatch.setattr(tempfile, "tempdir", long)
        with open_backend("echo", SOCKET) as session:
            assert isinstance(session.endpoint, SocketEndpoint)
            assert Path(session.endpoint.path).parents[1] == Path("/tmp")
            assert not left.exists()


def test_nothing_else_is_touched(place: str) -> None:
    name = f"{PREFIX}abcdefgh"
    kept = {
        "another name": Path(place, "cronix-settings"),
        "a longer name": Path(place, f"{name}.old"),
        "another mode": Path(place, f"{PREFIX}mode0755"),
        "a file": Path(place, f"{PREFIX}afile123"),
        "a link": Path(place, f"{PREFIX}alink123"),
    }
    kept["another name"].mkdir(mode=0o700)
    kept["a longer name"].mkdir(mode=0o700)
    kept["another mode"].mkdir()
    kept["another mode"].chmod(0o755)  # whatever the umask is
    kept["a file"].write_text("")
    kept["a link"].symlink_to(kept["another name"])
    assert remove_abandoned(place) == 0
    assert set(Path(place).iterdir()) == set(kept.values())


def test_of_a_directory_with_many_entries_a_part_is_looked_at(place: str) -> None:
    for number in range(5):
        Path(place, f"{PREFIX}{number:08}").mkdir(mode=0o700)
    assert [remove_abandoned(place, 3) for _ in range(3)] == [3, 2, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can make another user's files")
def test_another_users_directory_is_not_touched(place: str) -> None:
    folder = Path(place, f"{PREFIX}abcdefgh")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    assert remove_abandoned(place) == 0
    assert folder.is_dir()


def test_a_place_that_is_gone_or_full_is_one_clear_error(place: str) -> None:
    gone = os.path.join(place, "gone")
    assert remove_abandoned(gone) == 0
    with ExitStack() as undo, pytest.raises(PluginError) as caught:
        make_rundir(undo, "x", gone)
    assert caught.value.code == "E-FOLDER"
    assert gone in caught.value.problem
    assert "TMPDIR" in caught.value.action


def test_a_place_where_others_could_put_their_own_is_refused(place: str) -> None:
    os.chmod(place, 0o777)
    with pytest.raises(PluginError, match=r"E-FOLDER.*is private.*writable by everybody") as caught:
        make_rundir(ExitStack(), "x", place)
    assert "chmod go-w" in caught.value.action
    assert os.listdir(place) == []


def test_a_directory_that_is_always_taken_away_is_an_error_in_the_end(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(_descriptor: int, _how: int) -> None:
        raise BlockingIOError  # as another host's lock

    monkeypatch.setattr(fcntl, "flock", held)
    with ExitStack() as undo, pytest.raises(PluginError, match="other hosts took 100 of them"):
        make_rundir(undo, "x", place)


def test_a_file_system_without_locks_is_used_and_never_tidied(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with ExitStack() as undo:
        folder = make_rundir(undo, "x", place)
        assert remove_abandoned(place) == 0
        assert os.path.isdir(folder)
    assert os.listdir(place) == []


def test_hosts_that_start_while_others_tidy_up_keep_what_they_made(place: str) -> None:
    done = threading.Event()
    lost: list[str] = []

    def tidy() -> None:
        while not done.is_set():
            remove_abandoned(place)

    def start() -> None:
        for _ in range(100):
            with ExitStack() as undo:
                folder = make_rundir(undo, "x", place)
                Path(folder, "s").write_text("")
                remove_abandoned(place)
                if not Path(folder, "s").exists():
                    lost.append(folder)

    sweepers = [threading.Thread(target=tidy) for _ in range(2)]
    hosts = [threading.Thread(target=start) for _ in range(3)]
    for thread in (*sweepers, *hosts):
        thread.start()
    for thread in hosts:
        thread.join()
    done.set()
    for thread in sweepers:
        thread.join()
    assert lost == []
    assert os.listdir(place) == []


@pytest.mark.parametrize("what", [temporary_directory, partial(make_rundir, ExitStack())])
def test_disks_that_are_all_full_are_one_clear_error(
    what: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is found out once for each process
    with (
        largest_file(0),
        pytest.raises(PluginError, match="No usable temporary directory") as caught,
    ):
        what("x")
    assert caught.value.code == "E-FOLDER"
