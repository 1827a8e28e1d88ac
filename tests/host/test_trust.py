"""A pinned plugin runs as it was pinned or not at all: what was hashed is what runs."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind, LibraryEndpoint
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.discovery import find
from transportlab.host.inspection.pin import hash_files
from transportlab.host.trust import Admitted, admit, library_path
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, transport_names
from transportlab.remote import RemoteBackend

ENDPOINTS = {name: load_transport(name).traits.endpoint for name in transport_names()}
STDIO = transport_names(EndpointKind.STDIO)[0]
IN_PROCESS = transport_names(EndpointKind.OBJECT)[0]
LIBRARY = transport_names(EndpointKind.LIBRARY)[0]

RIGHT = "#!/bin/sh\necho right\n"
WRONG = "#!/bin/sh\necho wrong\n"

Put = Callable[..., Path]
Pinned = Callable[..., Admitted]
Said = Callable[..., bytes]
Refused = Callable[..., PluginError]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---- pins


@pytest.mark.parametrize("transport", ENDPOINTS)
def test_a_pinned_plugin_answers(transport: str) -> None:
    endpoint = ENDPOINTS[transport]
    library = endpoint is EndpointKind.LIBRARY
    if library:
        needs_library()
    pins = {} if endpoint is EndpointKind.OBJECT else pins_of("echo", library=library)
    with open_backend("echo", transport, HostOptions(pins=pins)) as session:
        assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()


def needs_library() -> None:
    """Skip the test where the library was not built. Whether the host finds it is no question."""
    if not Path(get_path("scripts"), "cronix-backend-echo.so").exists():
        pytest.skip("not run: the libraries were not built (no C compiler)")


def pins_of(name: str, *, library: bool = False) -> dict[str, PluginPin]:
    return {name: PluginPin(tuple(file.sha256 for file in hash_files(name, (library,))))}


@pytest.mark.parametrize("transport", [n for n in ENDPOINTS if n != IN_PROCESS])
def test_a_plugin_that_is_not_what_was_pinned_is_refused(
    transport: str, put: Put, refused: Refused
) -> None:
    library = ENDPOINTS[transport] is EndpointKind.LIBRARY
    path = put(name="cronix-backend-demo.so" if library else "cronix-backend-demo")
    error = refused(path, transport, demo="0" * 64)
    assert error.code == "E-PIN-MISMATCH"
    assert (error.name, error.path) == ("demo", str(path))
    assert (error.expected, error.got) == (f"sha256 {'0' * 64}", digest(path))
    assert f"transportlab plugins pin {path}, " in error.action


def test_one_of_several_sums_is_enough(
    put: Put, undo: contextlib.ExitStack, said: Said, refused: Refused
) -> None:
    path = put()
    pins = {"demo": PluginPin(("0" * 64, digest(path)))}
    assert said(admit("demo", str(path), pins, undo, library=False)) == b"right"
    error = refused(path, STDIO, demo="1" * 64)
    assert error.expected == f"sha256 {'1' * 64}"


@pytest.mark.parametrize("sum_", ["", "xyz", "0" * 63, " " * 64])
def test_a_malformed_pin_given_by_a_program_fits_nothing(
    put: Put, sum_: str, refused: Refused
) -> None:
    assert refused(put(), STDIO, demo=sum_).code == "E-PIN-MISMATCH"


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
def test_a_block_that_does_not_name_the_plugin_refuses_it(transport: str, refused: Refused) -> None:
    if ENDPOINTS[transport] is EndpointKind.LIBRARY:
        needs_library()
    error = refused("echo", transport, ecoh="0" * 64, other="0" * 64)
    assert error.code == "E-NOT-PINNED"
    assert (error.expected, error.got) == ("one of ecoh, other", "echo")
    assert f"transportlab plugins pin {error.path}, " in error.action


def test_a_backend_of_the_host_itself_needs_no_pin() -> None:
    pins = {"other": PluginPin(("0" * 64,))}
    with open_backend("echo", IN_PROCESS, HostOptions(pins=pins)) as session:
        assert session.info.plugin_name == "echo"


def test_a_library_in_a_worker_is_held_to_its_pin(refused: Refused) -> None:
    needs_library()
    path = str(find("echo", library=True).path)
    with open_backend(path, STDIO, HostOptions(pins=pins_of("echo", library=True))) as session:
        assert session.info.plugin_name == "echo"
    assert refused(path, STDIO, echo="0" * 64).code == "E-PIN-MISMATCH"


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
    put: Put, change: Callable[[Path, bytes], None], pinned: Pinned, said: Said
) -> None:
    path = put()
    admitted = pinned(path)
    change(path, WRONG.encode())
    assert said(admitted) == b"right"


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_changed_after_its_check_runs_as_it_was(
    put: Put,
    change: Callable[[Path, bytes], None],
    pinned: Pinned,
    said: Said,
    programs: tuple[bytes, bytes],
) -> None:
    path = put(programs[0])
    admitted = pinned(path)
    change(path, programs[1])
    assert said(admitted, "-c", "echo right") == b"right"


@pytest.mark.parametrize("change", CHANGES)
def test_a_library_changed_after_its_check_is_loaded_as_it_was(
    put: Put, change: Callable[[Path, bytes], None], pinned: Pinned
) -> None:
    needs_library()
    path = put(find("echo", library=True).path.read_bytes(), "cronix-backend-demo.so")
    admitted = pinned(path, library=True)
    change(path, b"\x7fELF and nothing else")
    transport = load_transport(LIBRARY)
    endpoint = LibraryEndpoint(library_path(admitted))
    with transport.connect(endpoint, codec=transport.traits.codecs[0]) as channel:
        opening = model.OpenSessionRequest("1", (1,))
        assert RemoteBackend(channel).open_session(opening, Context()).plugin_name == "echo"


def test_a_relative_path_means_the_file_that_was_checked(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pinned: Pinned, said: Said
) -> None:
    """Not another one of that path where the process is by then."""
    path, elsewhere = put(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / path.name).write_text(WRONG)
    (elsewhere / path.name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    found = find(f"./{path.name}", library=False)
    monkeypatch.chdir(elsewhere)
    admitted = pinned(found.path)
    monkeypatch.chdir("/")
    assert said(admitted) == b"right"


def test_a_link_is_followed_once(put: Put, tmp_path: Path, pinned: Pinned, said: Said) -> None:
    right, link = put(), tmp_path / "cronix-backend-link"
    wrong = put(WRONG, "cronix-backend-wrong")
    link.symlink_to(right)
    admitted = pinned(link)
    link.unlink()
    link.symlink_to(wrong)
    assert said(admitted) == b"right"


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
    put: Put, refused: Refused
) -> None:
    path = put("hello\n")
    error = refused(path, STDIO, demo=digest(path))
    assert (error.code, error.path) == ("E-START", str(path))


def test_an_unpinned_library_is_loaded_from_its_path(put: Put, undo: contextlib.ExitStack) -> None:
    path = str(put(b"\x7fELF", "cronix-backend-demo.so"))
    assert library_path(admit("demo", path, {}, undo, library=True)) == path
