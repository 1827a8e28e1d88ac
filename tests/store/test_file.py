"""A shared file on a real file system: what a write keeps, what a failed one leaves, who waits."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import largest_file
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, RpcError
from transportlab.store.file import SharedFile

NOBODY = 65534


def write(path: Path, data: bytes) -> None:
    with SharedFile(str(path), "path").locked(Context()) as file:
        file.write(data)


def refusal(path: Path, data: bytes = b"new") -> tuple[Code, str, str]:
    with pytest.raises(RpcError) as caught:
        write(path, data)
    assert str(path) in caught.value.message
    assert caught.value.details.action
    return caught.value.code, caught.value.details.reason, caught.value.details.path


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter and write, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="tl-"))
    path.chmod(0o777)
    yield path
    path.chmod(0o777)
    shutil.rmtree(path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Modes mean nothing to root, so be somebody else meanwhile."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_missing_file_is_none_and_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "tab"
    assert SharedFile(str(path), "path").read() is None
    with SharedFile(str(path), "path").locked(Context()) as file:
        assert file.read() is None
        file.write(b"x")
        assert file.read() == b"x"
    assert path.read_bytes() == b"x"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(tmp_path) == ["tab"]


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o640, 0o755])
def test_a_write_keeps_the_mode_under_any_umask(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "tab"
    path.write_bytes(b"old")
    path.chmod(mode)
    umask = os.umask(0o777)
    try:
        write(path, b"new")
    finally:
        os.umask(umask)
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"new", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can give a file away")
def test_root_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "tab"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="not run: only root can make a file that is another's"
)
def test_who_cannot_keep_the_owner_does_not_write(folder: Path) -> None:
    path = folder / "tab"
    path.write_bytes(b"old")
    path.chmod(0o666)
    with unprivileged():
        assert refusal(path)[:2] == (Code.PERMISSION_DENIED, "NO_PERMISSION")
    assert (path.read_bytes(), path.stat().st_uid) == (b"old", 0)
    assert os.listdir(folder) == ["tab"]


def test_a_file_that_may_not_be_read_is_refused(folder: Path) -> None:
    path = folder / "tab"
    path.write_bytes(b"old")
    path.chmod(0)
    with unprivileged(), pytest.raises(RpcError) as caught:
        SharedFile(str(path), "path").read()
    assert (caught.value.code, caught.value.details.path) == (Code.PERMISSION_DENIED, str(path))


def test_a_read_only_file_is_not_replaced_though_its_folder_would_allow_it(folder: Path) -> None:
    path = folder / "tab"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with unprivileged():
        assert refusal(path) == (Code.PERMISSION_DENIED, "NO_PERMISSION", str(path))
    assert path.read_bytes() == b"old"
    assert os.listdir(folder) == ["tab"]


def test_a_read_only_folder_is_refused(folder: Path) -> None:
    folder.chmod(0o555)
    with unprivileged():
        assert refusal(folder / "tab")[0] is Code.PERMISSION_DENIED
    assert os.listdir(folder) == []


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "tab"
    path.write_bytes(b"old")
    with largest_file(10_000):
        found = refusal(path, b"x" * 100_000)
    assert found == (Code.RESOURCE_EXHAUSTED, "NO_SPACE", str(path))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["tab"]


def test_a_file_that_is_a_mount_point_says_that_its_folder_is_to_be_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tab"
    path.write_bytes(b"old")

    def busy(*_: object, **_numbers: object) -> None:  # as rename(2) does; to mount takes root
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", busy)
    assert refusal(path) == (Code.FAILED_PRECONDITION, "MOUNT_POINT", str(path))
    assert os.listdir(tmp_path) == ["tab"]


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "none" / "tab"
    assert refusal(path)[:2] == (Code.NOT_FOUND, "NO_DIRECTORY")
    with pytest.raises(RpcError) as caught:
        SharedFile(str(path), "path").read()
    assert caught.value.code is Code.NOT_FOUND


def test_what_is_no_file_is_refused_and_not_waited_for(folder: Path) -> None:
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        for name in ("folder", "pipe", "socket"):
            with pytest.raises(RpcError) as caught:
                SharedFile(str(folder / name), "path").read()
            assert caught.value.code is Code.FAILED_PRECONDITION
            assert caught.value.details.reason == "NOT_A_FILE"
    assert refusal(folder / "folder")[0] is Code.FAILED_PRECONDITION
    assert (folder / "folder").is_dir()


@pytest.mark.parametrize("name", ["file/tab", "loop", "x" * 300])
def test_a_path_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(RpcError) as caught:
        SharedFile(str(tmp_path / name), "path").read()
    assert (caught.value.code, caught.value.details.reason) == (
        Code.FAILED_PRECONDITION,
        "BAD_PATH",
    )


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_path_that_no_file_can_have_is_the_configs_fault(path: str) -> None:
    with pytest.raises(RpcError) as caught:
        SharedFile(path, "state")
    assert (caught.value.code, caught.value.details.path) == (
        Code.INVALID_ARGUMENT,
        "config/state",
    )


def test_an_error_without_a_meaning_of_its_own_is_unavailable() -> None:
    with pytest.raises(RpcError) as caught:
        SharedFile("/proc/self/mem", "path").read()
    assert (caught.value.code, caught.value.details.reason) == (Code.UNAVAILABLE, "IO")


@pytest.mark.parametrize("there", [True, False])
def test_a_symlink_stays_and_its_target_is_written(tmp_path: Path, there: bool) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "tab", tmp_path / "link"
    link.symlink_to("real/tab")
    if there:
        target.write_bytes(b"old")
    assert SharedFile(str(link), "path").read() == (b"old" if there else None)
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path / "real") == ["tab"]


def test_what_a_killed_writer_left_is_gone_after_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "tab"
    write(path, b"old")
    code = (
        "import os, signal, sys\n"
        "from transportlab.store.file import SharedFile\n"
        "from transportlab.context import Context\n"
        "os.replace = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with SharedFile(sys.argv[1], 'path').locked(Context()) as file:\n"
        "    file.write(b'half')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode < 0
    assert len(os.listdir(tmp_path)) == 2
    assert path.read_bytes() == b"old"
    write(path, b"new")
    assert os.listdir(tmp_path) == ["tab"]
    assert path.read_bytes() == b"new"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[SharedFile]:
    """A file that another thread keeps locked."""
    file = SharedFile(str(tmp_path / "tab"), "path")
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with file.locked(Context()):
            locked.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(60)
    yield file
    release.set()
    thread.join()


def entered(file: SharedFile, context: Context) -> RpcError:
    with pytest.raises(RpcError) as caught, file.locked(context):
        pytest.fail("two are inside")
    return caught.value


def test_a_wait_for_the_lock_ends_with_the_deadline(held: SharedFile) -> None:
    assert entered(held, Context(timeout=0.05)).code is Code.DEADLINE_EXCEEDED


def test_a_wait_for_the_lock_ends_with_cancellation(held: SharedFile) -> None:
    switch = Cancellation()
    timer = threading.Timer(0.05, switch.cancel)
    timer.start()
    assert entered(held, Context(cancellation=switch)).code is Code.CANCELLED
    timer.join()


def test_a_wait_for_the_lock_is_bounded(held: SharedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transportlab.store.file.LOCK_SECONDS", 0.05)
    error = entered(held, Context())
    assert (error.code, error.details.reason) == (Code.UNAVAILABLE, "LOCKED")
    assert error.details.path == held.path


def test_the_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    file = SharedFile(str(tmp_path / "tab"), "path")
    with pytest.raises(ZeroDivisionError), file.locked(Context()):
        raise ZeroDivisionError
    with file.locked(Context(timeout=60)) as again:
        again.write(b"x")


def test_a_read_needs_no_lock(held: SharedFile) -> None:
    assert held.read() is None


def test_threads_that_add_to_a_file_lose_nothing(tmp_path: Path) -> None:
    file = SharedFile(str(tmp_path / "count"), "path")

    def add() -> None:
        for _ in range(10):
            with file.locked(Context()) as inside:
                inside.write((inside.read() or b"") + b"x")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read() == b"x" * 40
