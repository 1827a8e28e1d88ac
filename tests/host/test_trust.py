"""What runs of a pinned plugin is what was hashed, and what others can write does not run."""

import contextlib
import fcntl
import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind, LibraryEndpoint
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend, sealed
from transportlab.host.discovery import find
from transportlab.host.folders import PREFIX
from transportlab.host.pinning import sums
from transportlab.host.process import PluginProcess
from transportlab.host.sealed import transfer
from transportlab.host.trust import Admitted, admit, file_sum, resident
from transportlab.pin import PluginPin
from transportlab.registry import load_transport, transport_names
from transportlab.remote import RemoteBackend

ENDPOINTS = {name: load_transport(name).traits.endpoint for name in transport_names()}
PROCESS = [n for n, e in ENDPOINTS.items() if e in (EndpointKind.SOCKET, EndpointKind.STDIO)]
STDIO = next(n for n, e in ENDPOINTS.items() if e is EndpointKind.STDIO)
IN_PROCESS = next(n for n, e in ENDPOINTS.items() if e is EndpointKind.OBJECT)
LIBRARY = next(n for n, e in ENDPOINTS.items() if e is EndpointKind.LIBRARY)

RIGHT = "#!/bin/sh\necho right\n"
WRONG = "#!/bin/sh\necho wrong\n"
SHELL = os.path.realpath(shutil.which("sh") or "/bin/sh")
OTHER = os.path.realpath(shutil.which("false") or "/bin/false")
"""Two ELF programs that are everywhere; the first says `right` when it is told to."""

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a plugin's file; gives its path."""

    def write(content: str | bytes = RIGHT, name: str = "cronix-backend-demo") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def undo() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pinned(path: Path | str, undo: contextlib.ExitStack, *, library: bool = False) -> Admitted:
    """The demo plugin, pinned to what it is now."""
    pins = {"demo": PluginPin((digest(Path(path)),))}
    return admit("demo", str(path), pins, undo, library=library)


def said(admitted: Admitted, *words: str) -> bytes:
    """What the plugin prints, started as the host starts it."""
    process = PluginProcess(
        "demo",
        [admitted.path, *words],
        os.environ,
        file=admitted.file,
        inherited=() if admitted.memory is None else (admitted.memory,),
    )
    try:
        return process.stdout.read(5)
    finally:
        process.stop(2.0)


def refusal(name: str, transport: str, **pins: str) -> PluginError:
    options = HostOptions(pins={key: PluginPin((value,)) for key, value in pins.items()})
    with pytest.raises(PluginError) as caught:
        open_backend(name, transport, options)
    return caught.value


# ---- pins


def test_a_pinned_plugin_answers_on_every_transport() -> None:
    for transport, endpoint in ENDPOINTS.items():
        library = endpoint is EndpointKind.LIBRARY
        if library and not find_library():
            continue
        pins = {} if endpoint is EndpointKind.OBJECT else pins_of("echo", library=library)
        with open_backend("echo", transport, HostOptions(pins=pins)) as session:
            assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()


def find_library() -> bool:
    with contextlib.suppress(PluginError):
        find("echo", library=True)
        return True
    return False


def pins_of(name: str, *, library: bool = False) -> dict[str, PluginPin]:
    return {name: PluginPin(tuple(file.sha256 for file in sums(name, (library,))))}


@pytest.mark.parametrize("transport", [n for n in ENDPOINTS if n != IN_PROCESS])
def test_a_plugin_that_is_not_what_was_pinned_is_refused(transport: str, put: Put) -> None:
    library = ENDPOINTS[transport] is EndpointKind.LIBRARY
    path = put(name="cronix-backend-demo.so" if library else "cronix-backend-demo")
    error = refusal(str(path), transport, demo="0" * 64)
    assert error.code == "E-PIN-MISMATCH"
    assert (error.name, error.path) == ("demo", str(path))
    assert (error.expected, error.got) == (f"sha256 {'0' * 64}", digest(path))
    assert "transportlab plugins pin demo" in error.action


def test_one_of_several_sums_is_enough(put: Put, undo: contextlib.ExitStack) -> None:
    path = put()
    pins = {"demo": PluginPin(("0" * 64, digest(path)))}
    assert said(admit("demo", str(path), pins, undo, library=False)) == b"right"
    error = refusal(str(path), STDIO, demo="1" * 64)
    assert error.expected == f"sha256 {'1' * 64}"


@pytest.mark.parametrize("sum_", ["", "xyz", "0" * 63, " " * 64])
def test_a_malformed_pin_given_by_a_program_fits_nothing(put: Put, sum_: str) -> None:
    assert refusal(str(put()), STDIO, demo=sum_).code == "E-PIN-MISMATCH"


def test_a_sum_does_not_depend_on_those_taken_before(put: Put, undo: contextlib.ExitStack) -> None:
    path = put()
    pins = {"demo": PluginPin((digest(path),))}
    for content, code in ((RIGHT, ""), (WRONG, "E-PIN-MISMATCH"), (RIGHT, ""), (RIGHT, "")):
        put(content)
        got = ""
        try:
            admit("demo", str(path), pins, undo, library=False)
        except PluginError as error:
            got = error.code
        assert got == code


@pytest.mark.parametrize("transport", [n for n in ENDPOINTS if n != IN_PROCESS])
def test_a_block_that_does_not_name_the_plugin_refuses_it(transport: str) -> None:
    if ENDPOINTS[transport] is EndpointKind.LIBRARY and not find_library():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    error = refusal("echo", transport, ecoh="0" * 64, other="0" * 64)
    assert error.code == "E-NOT-PINNED"
    assert (error.expected, error.got) == ("one of ecoh, other", "echo")
    assert "transportlab plugins pin echo" in error.action


def test_a_backend_of_the_host_itself_needs_no_pin() -> None:
    pins = {"other": PluginPin(("0" * 64,))}
    with open_backend("echo", IN_PROCESS, HostOptions(pins=pins)) as session:
        assert session.info.plugin_name == "echo"


def test_a_library_in_a_worker_is_held_to_its_pin() -> None:
    if not find_library():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    path = str(find("echo", library=True).path)
    with open_backend(path, STDIO, HostOptions(pins=pins_of("echo", library=True))) as session:
        assert session.info.plugin_name == "echo"
    assert refusal(path, STDIO, echo="0" * 64).code == "E-PIN-MISMATCH"


# ---- the bytes that were hashed are the bytes that run


def rename(path: Path, content: bytes) -> None:
    spare = path.with_name("spare")
    spare.write_bytes(content)
    spare.chmod(0o755)
    spare.replace(path)


def rewrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def remove(path: Path, content: bytes) -> None:
    path.unlink()


def lead_elsewhere(path: Path, content: bytes) -> None:
    other = path.with_name("elsewhere")
    other.write_bytes(content)
    other.chmod(0o755)
    path.unlink()
    path.symlink_to(other)


CHANGES = [rename, rewrite, remove, lead_elsewhere]


@pytest.mark.parametrize("change", CHANGES)
def test_a_script_changed_after_its_check_runs_as_it_was(
    put: Put, undo: contextlib.ExitStack, change: Callable[[Path, bytes], None]
) -> None:
    path = put()
    admitted = pinned(path, undo)
    change(path, WRONG.encode())
    assert said(admitted) == b"right"


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_changed_after_its_check_runs_as_it_was(
    put: Put, undo: contextlib.ExitStack, change: Callable[[Path, bytes], None]
) -> None:
    path = put(Path(SHELL).read_bytes())
    admitted = pinned(path, undo)
    change(path, Path(OTHER).read_bytes())
    assert said(admitted, "-c", "echo right") == b"right"


@pytest.mark.parametrize("change", CHANGES)
def test_a_library_changed_after_its_check_is_loaded_as_it_was(
    put: Put, undo: contextlib.ExitStack, change: Callable[[Path, bytes], None]
) -> None:
    if not find_library():
        pytest.skip("not run: the libraries were not built (no C compiler)")
    path = put(find("echo", library=True).path.read_bytes(), "cronix-backend-demo.so")
    admitted = pinned(path, undo, library=True)
    change(path, b"\x7fELF and nothing else")
    transport = load_transport(LIBRARY)
    endpoint = LibraryEndpoint(resident(admitted))
    with transport.connect(endpoint, codec=transport.traits.codecs[0]) as channel:
        opening = model.OpenSessionRequest("1", (1,))
        assert RemoteBackend(channel).open_session(opening, Context()).plugin_name == "echo"


def test_a_relative_path_means_the_file_that_was_checked(
    put: Put,
    undo: contextlib.ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not another one of that path where the process is by then."""
    path, elsewhere = put(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / path.name).write_text(WRONG)
    (elsewhere / path.name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    found = find(f"./{path.name}", library=False)
    monkeypatch.chdir(elsewhere)
    admitted = pinned(found.path, undo)
    monkeypatch.chdir("/")
    assert said(admitted) == b"right"


def test_a_link_is_followed_once(put: Put, undo: contextlib.ExitStack, tmp_path: Path) -> None:
    right, link = put(), tmp_path / "cronix-backend-link"
    wrong = put(WRONG, "cronix-backend-wrong")
    link.symlink_to(right)
    admitted = pinned(link, undo)
    link.unlink()
    link.symlink_to(wrong)
    assert said(admitted) == b"right"


def test_nobody_can_change_the_memory_that_a_program_runs_from(
    put: Put, undo: contextlib.ExitStack
) -> None:
    memory = pinned(put(Path(OTHER).read_bytes()), undo).memory
    assert memory is not None
    seals = fcntl.fcntl(memory, fcntl.F_GET_SEALS)
    for seal in (fcntl.F_SEAL_WRITE, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_SEAL):
        assert seals & seal
    with pytest.raises(PermissionError):
        os.pwrite(memory, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(memory, 0)


def test_a_script_runs_from_a_copy_of_its_name_alone_in_a_private_directory(
    put: Put, undo: contextlib.ExitStack
) -> None:
    path = put()
    copy = Path(pinned(path, undo).file)
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
            assert transfer(read.fileno(), size, write.fileno()) == hashlib.sha256(kept).hexdigest()
        assert target.read_bytes() == kept


# ---- files that cannot be taken


def test_a_file_that_is_gone_or_no_file_is_refused_without_waiting(
    tmp_path: Path, undo: contextlib.ExitStack
) -> None:
    pipe = tmp_path / "cronix-backend-pipe"
    os.mkfifo(pipe)
    for path, code in ((tmp_path / "gone", "E-NOT-READABLE"), (pipe, "E-NOT-A-FILE")):
        with pytest.raises(PluginError) as caught:
            admit("demo", str(path), {"demo": PluginPin(("0" * 64,))}, undo, library=False)
        assert (caught.value.code, caught.value.path) == (code, str(path))
    with pytest.raises(PluginError, match="E-NOT-READABLE"):
        admit("demo", str(tmp_path / "gone"), {}, undo, library=False)


def test_a_pinned_text_that_is_no_program_is_named_by_the_path_where_it_was_found(
    put: Put,
) -> None:
    path = put("hello\n")
    error = refusal(str(path), STDIO, demo=digest(path))
    assert (error.code, error.path) == ("E-START", str(path))


def test_a_system_that_gives_no_memory_file_is_told(put: Put, undo: contextlib.ExitStack) -> None:
    path = put(b"\x7fELF" + bytes(100_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(PluginError) as caught:
            pinned(path, undo)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert caught.value.code == "E-SEAL"
    assert "memfd" in caught.value.action


def test_a_kernel_without_the_newest_flag_gets_the_older_ones(
    put: Put, undo: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "MFD_EXEC", 0x4000)  # which no kernel knows
    assert said(pinned(put(Path(SHELL).read_bytes()), undo), "-c", "echo right") == b"right"


NOEXEC = """
import contextlib, os, sys, tempfile
from transportlab.errors import PluginError
from transportlab.host import sealed
from transportlab.host.trust import admit, file_sum
from transportlab.pin import PluginPin
place, path = sys.argv[1:]
tempfile.tempdir = place
pins = {"demo": PluginPin((file_sum("demo", path),))}
with contextlib.ExitStack() as undo:
    print(admit("demo", path, pins, undo, library=False).file.startswith(place))
    sealed.places = lambda: [place, place + "/nowhere", os.path.dirname(place) + "/file"]
    for wanted in (path, place + "/cronix-backend-demo"):
        try:
            admit("demo", wanted, pins, undo, library=False)
        except PluginError as error:
            print(error.code, error.got or error.problem)
"""


def test_a_file_system_from_which_nothing_may_run_is_avoided_or_told(
    put: Put, tmp_path: Path
) -> None:
    path, place = put(), tmp_path / "mounted"
    place.mkdir()
    put("", "file")
    script = (
        f'mount -t tmpfs -o noexec,mode=700 none "{place}" && cp "{path}" "{place}"'
        f' && exec "{sys.executable}" -c "$0" "{place}" "{path}"'
    )
    unshare = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("not run: this system lets nobody mount in a namespace of his own")
    done = subprocess.run(
        [*unshare, "sh", "-c", script, NOEXEC], check=False, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "False",
        f"E-NOEXEC {place}: mounted noexec; {place}/nowhere: No such file or directory;"
        f" {tmp_path}/file: no private directory can be made in {tmp_path}/file: Not a directory",
        "E-NOEXEC stands on a file system from which nothing may run",
    ], done.stderr


# ---- what is left


def test_sessions_of_pinned_plugins_leave_no_descriptor_and_no_directory(put: Put) -> None:
    script = put("#!/bin/sh\necho CRONIX-PLUGIN-V1 stdio\nread -r line\n")
    program = put(Path(SHELL).read_bytes(), "cronix-backend-elf")
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(20):
        pins = {"demo": PluginPin((digest(script),)), "elf": PluginPin((digest(program),))}
        open_backend(str(script), STDIO, HostOptions(pins=pins, opens=False)).close()
        with pytest.raises(PluginError):  # a shell that gets the end of stdin for a script
            open_backend(str(program), STDIO, HostOptions(pins=pins, handshake=0.01))
        assert refusal(str(script), STDIO, demo="0" * 64).code == "E-PIN-MISMATCH"
        assert refusal(str(program), STDIO, elf="0" * 64).code == "E-PIN-MISMATCH"
    assert set(os.listdir("/proc/self/fd")) <= before
    assert not list(Path(tempfile.gettempdir()).glob(PREFIX + "*"))


def test_a_library_that_is_loaded_again_takes_no_descriptor_more(
    put: Put, undo: contextlib.ExitStack
) -> None:
    """It is never unloaded, so the memory that it was loaded from stays open, once."""
    one = put(b"\x7fELF one", "cronix-backend-one.so")
    two = put(b"\x7fELF two", "cronix-backend-two.so")
    first = resident(pinned(one, undo, library=True))
    undo.close()
    count = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert resident(pinned(one, undo, library=True)) == first
    undo.close()
    assert len(os.listdir("/proc/self/fd")) == count
    other = resident(pinned(two, undo, library=True))
    undo.close()
    assert Path(first).read_bytes() == b"\x7fELF one"
    assert Path(other).read_bytes() == b"\x7fELF two"


def test_an_unpinned_library_is_loaded_from_its_path(put: Put, undo: contextlib.ExitStack) -> None:
    path = str(put(b"\x7fELF", "cronix-backend-demo.so"))
    assert resident(admit("demo", path, {}, undo, library=True)) == path


ABANDON = """
import contextlib, os, signal, sys, tempfile
from transportlab.host.trust import admit, file_sum
from transportlab.pin import PluginPin
tempfile.tempdir, path = sys.argv[1:]
undo = contextlib.ExitStack()
print(admit("demo", path, {"demo": PluginPin((file_sum("demo", path),))}, undo, library=False).file)
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_copy_of_a_host_that_was_killed_is_removed_by_the_next(
    put: Put, undo: contextlib.ExitStack
) -> None:
    path = put()
    alive = Path(pinned(path, undo).file)
    command = [sys.executable, "-c", ABANDON, tempfile.gettempdir(), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    abandoned = Path(done.stdout.strip())
    assert abandoned.exists()
    pinned(path, undo)
    assert not abandoned.parent.exists()
    assert alive.exists()


def test_hosts_that_clean_up_at_once_do_not_take_each_others_copies(put: Put) -> None:
    path = put()
    problems: list[object] = []

    def start_often() -> None:
        try:
            for _ in range(40):
                with contextlib.ExitStack() as undo:
                    assert Path(pinned(path, undo).file).read_text() == RIGHT
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=start_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_start_waits_for_a_file_that_is_still_open_for_writing(
    put: Put, undo: contextlib.ExitStack
) -> None:
    """As a copy may be in a child that another thread has forked just then."""
    admitted = pinned(put(), undo)
    os.chmod(admitted.file, 0o700)
    writing = os.open(admitted.file, os.O_WRONLY)
    closing = threading.Timer(0.05, os.close, [writing])
    closing.start()
    assert said(admitted) == b"right"
    closing.join()


def test_a_sum_is_that_of_the_file(put: Put) -> None:
    path = put(os.urandom(3_000_000))
    assert file_sum("demo", str(path)) == digest(path)
