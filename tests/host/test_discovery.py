"""Where plugins are found, and what is said of those that cannot be."""

import os
import socket
import sysconfig
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from transportlab.errors import PluginError
from transportlab.host.discovery import directories, find

Places = tuple[Path, Path, dict[str, str]]
Unprivileged = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    first, home = tmp_path / "first", tmp_path / "home"
    second = home / ".cronix" / "plugins"
    first.mkdir()
    second.mkdir(parents=True)
    return first, second, {"CRONIX_PLUGIN_DIR": str(first), "HOME": str(home)}


def put(folder: Path, name: str = "cronix-backend-demo", mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def refusal(
    name: str, environment: dict[str, str] | None = None, *, library: bool = False
) -> PluginError:
    with pytest.raises(PluginError) as caught:
        find(name, library=library, environment=environment)
    assert caught.value.action
    return caught.value


def test_the_order_is_variable_home_system_and_the_labs_own(places: Places) -> None:
    first, second, environment = places
    own = Path(sysconfig.get_path("scripts"))
    assert directories(environment) == [
        first, second, Path("/usr/local/share/cronix/plugins"), own,
    ]  # fmt: skip
    assert directories({})[0] == Path("/usr/local/share/cronix/plugins")


def test_a_directory_that_is_named_twice_is_searched_once(places: Places) -> None:
    _, second, environment = places
    put(second)
    twice = {**environment, "CRONIX_PLUGIN_DIR": str(second)}
    assert directories(twice).count(second) == 1
    assert find("demo", library=False, environment=twice).shadowed == ()


def test_a_relative_directory_is_told_in_full(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _, _ = places
    monkeypatch.chdir(first.parent)
    found = find("demo", library=False, environment={"CRONIX_PLUGIN_DIR": put(first).parent.name})
    assert found.path == first / "cronix-backend-demo"


def test_the_first_match_wins_and_the_later_is_reported(places: Places) -> None:
    first, second, environment = places
    wanted, hidden = put(first), put(second)
    found = find("demo", library=False, environment=environment)
    assert (found.path, found.shadowed) == (wanted, (hidden,))


def test_path_is_not_searched(tmp_path: Path) -> None:
    put(tmp_path)
    assert refusal("demo", {"PATH": str(tmp_path)}).code == "E-NOT-FOUND"


def test_a_library_has_a_name_of_its_own_and_needs_no_execute_bit(places: Places) -> None:
    first, _, environment = places
    put(first)
    library = put(first, "cronix-backend-demo.so", 0o644)
    assert find("demo", library=True, environment=environment).path == library


@pytest.mark.parametrize("library", [False, True])
def test_a_program_where_a_library_is_wanted_is_pointed_out(places: Places, library: bool) -> None:
    first, _, environment = places
    there = put(first, "cronix-backend-demo" + ("" if library else ".so"))
    error = refusal("demo", environment, library=library)
    assert error.code == "E-NOT-FOUND"
    kinds = ("program", "library") if library else ("library", "program")
    assert f"{there} is there, a {kinds[0]}; this transport needs a {kinds[1]}" in error.action


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    found = find(str(put(tmp_path)), library=False)
    assert (found.name, found.path) == ("demo", tmp_path / "cronix-backend-demo")


def test_the_labs_own_plugins_need_no_set_up() -> None:
    for name in ("echo", "crontab"):
        assert find(name, library=False, environment={}).path.name == f"cronix-backend-{name}"


@pytest.mark.parametrize("name", ["", "Echo", "a b", "../x".replace("/", "-"), "é", "x" * 64])
def test_a_bad_name_is_refused(name: str) -> None:
    error = refusal(name)
    assert error.code == "E-BAD-NAME"
    assert error.got == repr(name)


def test_a_path_that_no_file_can_have_is_refused() -> None:
    assert refusal("/tmp/a\0b").code == "E-BAD-NAME"


def test_a_missing_plugin_is_told_with_the_places_that_were_searched(places: Places) -> None:
    first, second, environment = places
    error = refusal("demo", environment)
    assert str(first) in str(error)
    assert str(second) in str(error)
    assert "CRONIX_PLUGIN_DIR" in error.action


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        short = path.parent / "s"  # a name may be longer than a socket's address
        made.bind(os.path.relpath(short))
        short.rename(path)


WRONG: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "folder": (lambda path: path.mkdir(), "E-NOT-A-FILE", "a directory"),
    "fifo": (_fifo, "E-NOT-A-FILE", "a fifo"),
    "socket": (_socket, "E-NOT-A-FILE", "a socket"),
    "device": (lambda path: path.symlink_to("/dev/null"), "E-NOT-A-FILE", "a character device"),
    "broken": (lambda path: path.symlink_to("/no/where"), "E-BROKEN-LINK", "/no/where"),
    "circle": (lambda path: path.symlink_to(path.name), "E-BROKEN-LINK", "cronix-backend-circle"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("library", [False, True])
def test_a_first_match_of_a_wrong_type_is_named_and_ends_the_search(
    places: Places, monkeypatch: pytest.MonkeyPatch, name: str, library: bool
) -> None:
    first, second, environment = places
    monkeypatch.chdir(first)
    make, code, got = WRONG[name]
    file = f"cronix-backend-{name}" + (".so" if library else "")
    got = got + ".so" if library and got == f"cronix-backend-{name}" else got
    make(first / file)
    put(second, file)
    error = refusal(name, environment, library=library)
    assert (error.code, error.got, error.path) == (code, got, str(first / file))


def test_a_first_match_without_the_execute_bit_ends_the_search(places: Places) -> None:
    first, second, environment = places
    put(first, mode=0o644)
    put(second)
    error = refusal("demo", environment)
    assert (error.code, error.got) == ("E-NOT-EXECUTABLE", "mode 0644")
    assert error.action == f"chmod +x {first / 'cronix-backend-demo'}"


def test_a_library_that_cannot_be_read_is_told(shared: Path, unprivileged: Unprivileged) -> None:
    path = put(shared, "cronix-backend-demo.so", 0o000)
    with unprivileged():
        error = refusal(str(path), library=True)
    assert (error.code, error.got) == ("E-NOT-READABLE", "mode 0000")


def test_a_file_that_is_not_there_is_told_with_what_is_missing_on_the_way(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "gone")).problem == "no such file"
    file = put(tmp_path)
    assert refusal(f"{file}/x").problem == f"no such file: there is no directory {file}"
    (tmp_path / "link").symlink_to("nowhere")
    assert f"{tmp_path}/link is a link that leads nowhere" in refusal(f"{tmp_path}/link/x").problem


def test_a_path_that_no_file_can_have_is_not_found(tmp_path: Path) -> None:
    error = refusal(str(tmp_path / ("x" * 300)))
    assert (error.code, error.problem) == ("E-NOT-FOUND", "File name too long")


def _closed(place: Path) -> None:
    place.mkdir(mode=0o000)


def _in_what_is_broken(place: Path) -> None:
    place.parent.rmdir()
    place.parent.symlink_to("/no/where")


UNSEARCHABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "closed": (_closed, "Permission denied"),
    "file": (lambda place: place.touch(), "Not a directory"),
    "circle": (lambda place: place.symlink_to(place), "Too many levels of symbolic links"),
    "broken": (lambda place: place.symlink_to("/no/where"), "a link that leads nowhere"),
    "in what is broken": (_in_what_is_broken, "a link that leads nowhere"),
}


@pytest.mark.parametrize("kind", UNSEARCHABLE)
def test_a_directory_that_cannot_be_searched_ends_the_search(
    shared: Path, kind: str, unprivileged: Unprivileged
) -> None:
    make, problem = UNSEARCHABLE[kind]
    place, later = shared / "own" / "plugins", shared / ".cronix" / "plugins"
    place.parent.mkdir()
    place.parent.chmod(0o755)  # whatever umask is
    make(place)
    later.mkdir(parents=True)
    put(later)
    with unprivileged():
        error = refusal("demo", {"CRONIX_PLUGIN_DIR": str(place), "HOME": str(shared)})
    assert (error.code, error.path, error.got) == ("E-DIRECTORY", str(place), problem)


def test_a_directory_behind_the_first_match_does_not_matter(
    shared: Path, unprivileged: Unprivileged
) -> None:
    first, later = shared / "plugins", shared / ".cronix" / "plugins"
    first.mkdir()
    later.parent.mkdir()
    for open_to_all in (first, later.parent):  # whatever umask is
        open_to_all.chmod(0o755)
    _closed(later)
    wanted = put(first)
    with unprivileged():
        environment = {"CRONIX_PLUGIN_DIR": str(first), "HOME": str(shared)}
        assert find("demo", library=False, environment=environment).path == wanted


def test_a_path_through_a_closed_directory_is_told(
    shared: Path, unprivileged: Unprivileged
) -> None:
    _closed(shared / "closed")
    with unprivileged():
        error = refusal(f"{shared}/closed/cronix-backend-demo")
    assert (error.code, error.got) == ("E-DIRECTORY", "Permission denied")
