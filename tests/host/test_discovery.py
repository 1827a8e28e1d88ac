"""Where plugins are found, and what is said of those that cannot be."""

import sysconfig
from pathlib import Path

import pytest

from transportlab.errors import PluginError
from transportlab.host.discovery import directories, find


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, dict[str, str]]:
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


Places = tuple[Path, Path, dict[str, str]]


def test_the_order_is_variable_home_system_and_the_labs_own(places: Places) -> None:
    first, second, environment = places
    own = Path(sysconfig.get_path("scripts"))
    assert directories(environment) == [
        first, second, Path("/usr/local/share/cronix/plugins"), own,
    ]  # fmt: skip
    assert directories({})[0] == Path("/usr/local/share/cronix/plugins")


def test_the_first_match_wins_and_the_later_is_reported(places: Places) -> None:
    first, second, environment = places
    wanted, hidden = put(first), put(second)
    found = find("demo", library=False, environment=environment)
    assert (found.path, found.shadowed) == (wanted, (hidden,))


def test_path_is_not_searched(tmp_path: Path) -> None:
    put(tmp_path)
    with pytest.raises(PluginError) as caught:
        find("demo", library=False, environment={"PATH": str(tmp_path)})
    assert caught.value.code == "E-NOT-FOUND"


def test_a_library_has_a_name_of_its_own_and_needs_no_execute_bit(places: Places) -> None:
    first, _, environment = places
    put(first)
    library = put(first, "cronix-backend-demo.so", 0o644)
    assert find("demo", library=True, environment=environment).path == library


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    found = find(str(put(tmp_path)), library=False)
    assert (found.name, found.path) == ("demo", tmp_path / "cronix-backend-demo")


def test_the_labs_own_plugins_need_no_set_up() -> None:
    for name in ("echo", "crontab"):
        assert find(name, library=False, environment={}).path.name == f"cronix-backend-{name}"


@pytest.mark.parametrize("name", ["", "Echo", "a b", "../x".replace("/", "-"), "é", "x" * 64])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(PluginError) as caught:
        find(name, library=False)
    assert caught.value.code == "E-NOT-FOUND"
    assert caught.value.got == repr(name)


def test_a_missing_plugin_is_told_with_the_places_that_were_searched(places: Places) -> None:
    first, second, environment = places
    with pytest.raises(PluginError) as caught:
        find("demo", library=False, environment=environment)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
    assert "CRONIX_PLUGIN_DIR" in caught.value.action


def test_what_cannot_run_is_told_apart(places: Places, tmp_path: Path) -> None:
    first, _, environment = places
    (first / "cronix-backend-folder").mkdir()
    put(first, "cronix-backend-plain", 0o644)
    (first / "cronix-backend-broken").symlink_to(tmp_path / "nowhere")
    codes = {"folder": "E-NOT-A-FILE", "plain": "E-NOT-EXECUTABLE", "broken": "E-NOT-FOUND"}
    for name, code in codes.items():
        with pytest.raises(PluginError) as caught:
            find(name, library=False, environment=environment)
        assert caught.value.code == code
        assert caught.value.path == str(first / f"cronix-backend-{name}")
    with pytest.raises(PluginError, match="no such file"):
        find(str(tmp_path / "gone"), library=False)
