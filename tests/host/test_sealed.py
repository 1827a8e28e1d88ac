"""Where the bytes of pinned plugins are, who can change them there, and what is left of them."""

import contextlib
import errno
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import namespace
from tests.processes import largest_file
from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.rundir import PREFIX
from transportlab.host.sealed import copy_and_hash
from transportlab.host.trust import Admitted, admit, file_sum, library_path
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

STDIO = transport_names(EndpointKind.STDIO)[0]

RIGHT = "#!/bin/sh\necho right\n"

Put = Callable[..., Path]
Pinned = Callable[..., Admitted]
Said = Callable[..., bytes]
Refused = Callable[..., PluginError]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_nobody_can_change_the_memory_that_a_program_runs_from(
    put: Put, pinned: Pinned, programs: tuple[bytes, bytes]
) -> None:
    memory = pinned(put(programs[1])).memory
    assert memory is not None
    seals = fcntl.fcntl(memory, fcntl.F_GET_SEALS)
    for seal in (fcntl.F_SEAL_WRITE, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_SEAL):
        assert seals & seal
    with pytest.raises(PermissionError):
        os.pwrite(memory, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(memory, 0)


def test_a_script_runs_from_a_copy_of_its_name_alone_in_a_private_directory(
    put: Put, undo: contextlib.ExitStack, pinned: Pinned
) -> None:
    path = put()
    copy = Path(pinned(path).file)
    assert copy.name == path.name
    assert list(copy.parent.iterdir()) == [copy]
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert copy.stat().st_mode & 0o777 == 0o500
    undo.close()
    assert not copy.parent.exists()


def test_a_file_that_shrinks_or_grows_gives_the_sum_of_what_was_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789")
    for size, kept in ((5, b"01234"), (10, b"0123456789"), (99, b"0123456789")):
        target = tmp_path / f"target {size}"
        with source.open("rb") as read, target.open("wb") as write:
            assert (
                copy_and_hash(read.fileno(), size, write.fileno())
                == hashlib.sha256(kept).hexdigest()
            )
        assert target.read_bytes() == kept


# ---- places


def test_a_system_that_gives_no_memory_file_is_told(put: Put, pinned: Pinned) -> None:
    path = put(b"\x7fELF" + bytes(100_000))
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with largest_file(4096), pytest.raises(PluginError) as caught:
            pinned(path)
    finally:
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.code == "E-SEAL"
    assert "memfd" in caught.value.action


def test_a_kernel_without_the_newest_flag_gets_the_older_ones(
    put: Put,
    monkeypatch: pytest.MonkeyPatch,
    pinned: Pinned,
    said: Said,
    programs: tuple[bytes, bytes],
) -> None:
    create = os.memfd_create

    def older(name: str, flags: int) -> int:
        if flags & ~(os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return create(name, flags)

    monkeypatch.setattr(os, "memfd_create", older)
    assert said(pinned(put(programs[0])), "-c", "echo right") == b"right"


NOEXEC = """
import contextlib, os, sys, tempfile
from transportlab.errors import PluginError
from transportlab.host.trust import admit, file_sum
from transportlab.manifest.pin import PluginPin
mounted, path, elsewhere, nowhere, file = sys.argv[1:]
tempfile.tempdir = mounted
pins = {"demo": PluginPin((file_sum("demo", path),))}
for runtime, wanted in (
    (elsewhere, path), (nowhere, path), (file, path), (elsewhere, mounted + "/cronix-backend-demo"),
):
    os.environ["XDG_RUNTIME_DIR"] = runtime
    with contextlib.ExitStack() as undo:
        try:
            copy = admit("demo", wanted, pins, undo, library=False).file
            print(os.path.dirname(os.path.dirname(copy)))
        except PluginError as error:
            print(error.code, error.got or error.problem)
"""
EVERYWHERE = """
for place in "$1" /dev/shm /var/tmp; do
    mount -t tmpfs -o noexec,mode=700 none "$place" || exit
done
cp "$2" "$1" && exec "$0" -c "$NOEXEC" "$@"
"""


def test_a_file_system_from_which_nothing_may_run_is_avoided_or_told(
    put: Put, tmp_path: Path
) -> None:
    path, file = put(), put("", "file")
    mounted, elsewhere, nowhere = tmp_path / "mounted", tmp_path / "run", tmp_path / "nowhere"
    mounted.mkdir()
    elsewhere.mkdir()
    words = [sys.executable, *map(str, (mounted, path, elsewhere, nowhere, file))]
    done = subprocess.run(
        [*namespace(), "sh", "-c", EVERYWHERE, *words],
        env={**os.environ, "NOEXEC": NOEXEC},
        check=False,
        capture_output=True,
        text=True,
    )
    others = "/dev/shm: mounted noexec; /var/tmp: mounted noexec"
    assert done.stdout.splitlines() == [
        str(elsewhere),
        f"E-NOEXEC {mounted}: mounted noexec; {nowhere}: No such file or directory; {others}",
        f"E-NOEXEC {mounted}: mounted noexec; {file}: no private directory can be made in {file}:"
        f" Not a directory; {others}",
        "E-NOEXEC is on a file system from which nothing may run",
    ], done.stderr


# ---- what is left


def test_sessions_of_pinned_plugins_leave_no_descriptor_and_no_directory(
    put: Put, refused: Refused, programs: tuple[bytes, bytes]
) -> None:
    script = put("#!/bin/sh\necho CRONIX-PLUGIN-V1 stdio\nread -r line\n")
    program = put(programs[0], "cronix-backend-elf")
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(20):
        pins = {"demo": PluginPin((digest(script),)), "elf": PluginPin((digest(program),))}
        open_backend(str(script), STDIO, HostOptions(pins=pins, opens=False)).close()
        with pytest.raises(PluginError):  # a shell that gets the end of stdin for a script
            open_backend(str(program), STDIO, HostOptions(pins=pins, handshake=0.01))
        assert refused(script, STDIO, demo="0" * 64).code == "E-PIN-MISMATCH"
        assert refused(program, STDIO, elf="0" * 64).code == "E-PIN-MISMATCH"
    assert set(os.listdir("/proc/self/fd")) <= before
    assert not list(Path(tempfile.gettempdir()).glob(PREFIX + "*"))


def test_a_library_that_is_loaded_again_takes_no_descriptor_more(
    put: Put, undo: contextlib.ExitStack, pinned: Pinned
) -> None:
    """It is never unloaded, so the memory that it was loaded from stays open, once."""
    one = put(b"\x7fELF one", "cronix-backend-one.so")
    two = put(b"\x7fELF two", "cronix-backend-two.so")
    first = library_path(pinned(one, library=True))
    undo.close()
    count = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert library_path(pinned(one, library=True)) == first
    undo.close()
    assert len(os.listdir("/proc/self/fd")) == count
    other = library_path(pinned(two, library=True))
    undo.close()
    assert Path(first).read_bytes() == b"\x7fELF one"
    assert Path(other).read_bytes() == b"\x7fELF two"


ABANDON = """
import contextlib, os, signal, sys, tempfile
from transportlab.host.trust import admit, file_sum
from transportlab.manifest.pin import PluginPin
tempfile.tempdir, path = sys.argv[1:]
undo = contextlib.ExitStack()
print(admit("demo", path, {"demo": PluginPin((file_sum("demo", path),))}, undo, library=False).file)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_copy_of_a_host_that_was_killed_is_removed_by_the_next(
    put: Put, pinned: Pinned
) -> None:
    path = put()
    alive = Path(pinned(path).file)
    command = [sys.executable, "-c", ABANDON, tempfile.gettempdir(), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    abandoned = Path(done.stdout.strip())
    assert abandoned.exists()
    pinned(path)
    assert not abandoned.parent.exists()
    assert alive.exists()


def test_hosts_that_clean_up_at_once_do_not_take_each_others_copies(put: Put) -> None:
    path = put(RIGHT)
    pins = {"demo": PluginPin((digest(path),))}
    problems: list[object] = []

    def start_often() -> None:
        try:
            for _ in range(40):
                with contextlib.ExitStack() as undo:
                    copy = admit("demo", str(path), pins, undo, library=False)
                    assert Path(copy.file).read_text() == RIGHT
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=start_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_sum_is_that_of_the_file(put: Put) -> None:
    path = put(os.urandom(3_000_000))
    assert file_sum("demo", str(path)) == digest(path)
