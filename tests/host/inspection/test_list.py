"""What plugins there are: whatever is in the directories, each file is a row, none is trusted."""

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from sysconfig import get_path

import pytest

from transportlab.channel import EndpointKind
from transportlab.host import HostOptions
from transportlab.host.inspection.elf import parse_file
from transportlab.host.inspection.libraries import find_libraries
from transportlab.host.inspection.list import ABSENT, ListedPlugin, Listing, find_plugins
from transportlab.host.inspection.pin import left_out
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, transport_names

SCRIPTS = Path(get_path("scripts"))
ECHO = SCRIPTS / "cronix-backend-echo"
LIBRARY = SCRIPTS / "cronix-backend-echo.so"
PYTHON = Path(sys.executable).resolve()
PROCESS = tuple(transport_names(EndpointKind.SOCKET, EndpointKind.STDIO))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (folder := tmp_path / "plugins").mkdir()
    return folder


@pytest.fixture
def alone(here: Path) -> None:
    """Hide the lab's own plugins, whose start takes a while, by files that cannot be started."""
    (hiding := here / ".cronix" / "plugins").mkdir(parents=True)
    for own in SCRIPTS.glob("cronix-backend-*"):
        (hiding / own.name).touch(mode=0)


def put(folder: Path, name: str, text: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path = folder / f"cronix-backend-{name}"
    path.write_text(text)
    path.chmod(mode)
    return path


def environment(folder: Path) -> Mapping[str, str]:
    return {"CRONIX_PLUGIN_DIR": str(folder), "HOME": str(folder)}


def listed(folder: Path, *, start: bool = False, **options: object) -> Listing:
    bounds = HostOptions(**{"stop": 0.4, **options})  # type: ignore[arg-type]  # whatever a test gives
    return find_plugins(environment(folder), bounds, start=start)


def rows(folder: Path, *, start: bool = False, **options: object) -> dict[str, ListedPlugin]:
    """The rows of a folder, by their files' names after the prefix."""
    found = listed(folder, start=start, **options).plugins
    prefix = f"{folder}/cronix-backend-"
    return {row.path.removeprefix(prefix): row for row in found if row.path.startswith(prefix)}


def marker(folder: Path) -> tuple[str, Path]:
    """A script that leaves a file where it ran."""
    ran = folder.parent / "ran"
    return f"#!/bin/sh\ntouch {ran}\n", ran


def test_each_file_is_shown_with_its_sum_and_nothing_is_started(here: Path) -> None:
    text, ran = marker(here)
    path = put(here, "demo", text)
    row = rows(here)["demo"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert row == ListedPlugin("demo", str(path), False, digest, left_out=left_out(path))
    assert not ran.exists()


def test_all_directories_are_shown_in_order_with_what_is_wrong_with_them(here: Path) -> None:
    (here / ".cronix").mkdir()
    (here / ".cronix" / "plugins").symlink_to("plugins")
    found = {place.path: place.problem for place in listed(here).directories}
    assert list(found)[:2] == [str(here), f"{here}/.cronix/plugins"]
    assert found[str(here)] == ""
    assert found[f"{here}/.cronix/plugins"] == "Too many levels of symbolic links"
    (here / ".cronix" / "plugins").unlink()
    (here / ".cronix" / "plugins").symlink_to("/no/where")
    assert listed(here).directories[1].problem == "a link that leads nowhere"
    (here / ".cronix" / "plugins").unlink()
    assert listed(here).directories[1].problem == ABSENT
    (here / ".cronix" / "plugins").touch()
    assert listed(here).directories[1].problem == "Not a directory"
    (here / ".cronix").rename(here / "moved")
    (here / ".cronix").symlink_to("/no/where")
    assert listed(here).directories[1].problem == "a link that leads nowhere"


def test_a_file_that_an_earlier_directory_hides_says_by_which(here: Path) -> None:
    first = put(here, "demo")
    (later := here / ".cronix" / "plugins").mkdir(parents=True)
    put(later, "demo")
    put(later, "demo.so")
    hidden = {row.path: row.hidden_by for row in listed(here).plugins if "demo" in row.name}
    assert hidden == {
        str(first): "",
        f"{later}/cronix-backend-demo": str(first),
        f"{later}/cronix-backend-demo.so": "",  # a library is another kind of file
    }


def test_what_cannot_be_a_plugin_is_shown_with_the_reason(here: Path) -> None:
    put(here, "plain", mode=0o644)
    put(here, "open", mode=0o777)
    put(here, "Bad_Name")
    (here / "cronix-backend-folder").mkdir()
    (here / "cronix-backend-broken").symlink_to("/no/where")
    os.mkfifo(here / "cronix-backend-pipe")
    put(here, "good")
    (here / "unrelated").touch()
    found = rows(here)
    assert {name: row.code for name, row in found.items()} == {
        "plain": "E-NOT-EXECUTABLE",
        "open": "E-WRITABLE-BY-OTHERS",
        "Bad_Name": "E-BAD-NAME",
        "folder": "E-NOT-A-FILE",
        "broken": "E-BROKEN-LINK",
        "pipe": "E-NOT-A-FILE",
        "good": "",
    }
    assert all(row.problem and row.action for row in found.values() if row.code)


def test_a_program_that_may_be_run_but_not_read_is_shown_without_a_sum(
    shared: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    path = put(shared, "demo", mode=0o111)
    for pins, code in (({}, ""), ({"demo": PluginPin(("0" * 64,))}, "E-NOT-READABLE")):
        with unprivileged():
            found = rows(shared, pins=pins)["demo"]
        assert (found.path, found.sha256, found.code) == (str(path), "", code)


def test_what_is_behind_a_directory_that_cannot_be_searched_is_no_match(here: Path) -> None:
    first = put(here, "first")
    (here / ".cronix").mkdir()
    (here / ".cronix" / "plugins").symlink_to("/no/where")
    put(here, "echo")
    codes = {row.path: row.code for row in listed(here).plugins}
    assert codes[str(first)] == ""
    assert codes[str(ECHO)] == ""  # hidden, so nobody gets that far
    assert codes[str(SCRIPTS / "cronix-backend-crontab")] == "E-DIRECTORY"


def test_a_name_that_is_no_text_is_shown(here: Path) -> None:
    Path(os.fsdecode(os.fsencode(here) + b"/cronix-backend-\xff")).touch()
    assert rows(here)["\udcff"].code == "E-BAD-NAME"


def test_pins_are_held_against_each_file(here: Path) -> None:
    sums = {}
    for name in ("right", "wrong", "unnamed"):
        path = put(here, name)
        sums[name] = PluginPin((hashlib.sha256(path.read_bytes()).hexdigest(),))
    pins = {"right": sums["right"], "wrong": PluginPin(("0" * 64,))}
    found = rows(here, pins=pins)
    assert {name: (row.pinned, row.code) for name, row in found.items()} == {
        "right": (True, ""),
        "wrong": (False, "E-PIN-MISMATCH"),
        "unnamed": (False, "E-NOT-PINNED"),
    }
    assert all(row.sha256 for row in found.values())


# ---- started


@pytest.mark.usefixtures("alone")
def test_a_plugin_is_asked_over_every_transport(here: Path) -> None:
    (here / "cronix-backend-mine").symlink_to(ECHO)
    row = rows(here, start=True)["mine"]
    assert (row.version, row.transports, row.code) == ("0.1.0", PROCESS, "")


@pytest.mark.usefixtures("alone")
def test_a_plugin_that_knows_one_transport_is_shown_with_that_one(here: Path) -> None:
    line = "CRONIX-PLUGIN-V1 stdio transport=$CRONIX_PLUGIN_TRANSPORT version=2.0"
    only = f'#!/bin/sh\ntest -z "$CRONIX_PLUGIN_SOCKET" || exit 1\necho {line}\ncat\n'
    put(here, "one", only)
    row = rows(here, start=True)["one"]
    stdio = tuple(transport_names(EndpointKind.STDIO))
    assert (row.version, row.transports, row.code) == ("2.0", stdio, "")


@pytest.mark.usefixtures("alone")
def test_a_plugin_without_a_transports_usual_codec_is_shown_with_the_one_it_has(here: Path) -> None:
    name = next(name for name in PROCESS if len(load_transport(name).traits.codecs) > 1)
    codec = load_transport(name).traits.codecs[1]
    asked = "$CRONIX_PLUGIN_TRANSPORT/$CRONIX_PLUGIN_CODEC"
    put(here, "one", f'#!/bin/sh\n[ "{asked}" = {name}/{codec} ] && exec {ECHO}\nexit 1\n')
    row = rows(here, start=True)["one"]
    assert (row.version, row.transports, row.code) == ("0.1.0", (f"{name}/{codec}",), "")


@pytest.mark.skipif(not LIBRARY.exists(), reason="not run: the libraries were not built")
@pytest.mark.usefixtures("alone")
def test_a_library_is_asked_for_its_line(here: Path) -> None:
    (here / "cronix-backend-mine.so").symlink_to(LIBRARY)
    pins = {"mine": PluginPin((hashlib.sha256(LIBRARY.read_bytes()).hexdigest(),))}
    for options in ({}, {"pins": pins}):
        row = rows(here, start=True, **options)["mine.so"]
        libraries = tuple(transport_names(EndpointKind.LIBRARY))
        assert (row.version, row.transports, row.code) == ("0.1.0", libraries, "")
        assert row.pinned is bool(options)


@pytest.mark.usefixtures("alone")
def test_a_plugin_that_misbehaves_costs_its_own_row_only(here: Path) -> None:
    put(here, "exits", "#!/bin/sh\necho 'no licence' >&2\nexit 3\n")
    put(here, "noisy", "#!/bin/sh\necho hello\n")
    put(here, "lost", "#!/no/such/sh\n")
    put(here, "text.so", "not a library")
    real = next(p for p in find_libraries(PYTHON, parse_file(PYTHON), {}).found.values())
    (here / "cronix-backend-other.so").symlink_to(real)
    found = rows(here, start=True)
    assert {name: row.code for name, row in found.items()} == {
        "exits": "E-EXITED",
        "noisy": "E-HANDSHAKE-NOISE",
        "lost": "E-START",
        "text.so": "E-EXITED",
        "other.so": "E-EXITED",
    }
    assert found["exits"].problem.endswith("it ended with exit status 3: no licence")
    assert "cronix_plugin_handshake" in found["other.so"].problem
    for row in found.values():
        assert row.action == f"transportlab plugins diagnose {row.path}"


@pytest.mark.usefixtures("alone")
def test_a_plugin_that_tells_the_secret_of_its_launch_is_not_repeated(
    here: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    tells = f"read s; echo $s >> {told}; echo no $s >&2"
    put(here, "tells", f'#!/bin/sh\n[ "$CRONIX_PLUGIN_SOCKET" ] && {{ {tells}; }}\nexit 3\n')
    shown, secrets = repr(rows(here, start=True)), told.read_text().split()
    assert "no [launch secret]" in shown
    assert secrets
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.usefixtures("alone")
def test_a_plugin_that_hangs_is_given_up_at_the_bound(here: Path) -> None:
    put(here, "hangs", "#!/bin/sh\nexec sleep 60\n")
    assert rows(here, start=True, handshake=0.2)["hangs"].code == "E-HANDSHAKE-TIMEOUT"


@pytest.mark.usefixtures("alone")
def test_what_the_host_would_not_run_is_not_started(here: Path) -> None:
    text, ran = marker(here)
    put(here, "wrong", text)
    put(here, "unnamed", text)
    put(here, "open", text, 0o777)
    put(here, "echo")
    put(here / ".cronix" / "plugins", "echo", text)
    found = rows(here, start=True, pins={"wrong": PluginPin(("0" * 64,))})
    assert found["wrong"].code == "E-PIN-MISMATCH"
    assert found["unnamed"].code == "E-NOT-PINNED"
    assert found["open"].code
    assert not ran.exists()
