"""What the registry says of a transport that cannot be used here."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError, UsageError
from transportlab.host import open_backend
from transportlab.registry import load_transport, not_built, not_installed, transport_names

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)


def lacks_wings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the transport need libraries that nobody has."""
    transport = load_transport(name)
    needs = replace(transport.traits, requires=("msgspec", "wings", "no.such.parent"))
    monkeypatch.setattr(transport, "traits", needs)


@pytest.mark.parametrize("name", transport_names())
def test_the_extra_of_a_transport_has_its_name(name: str) -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert (name in extras) is bool(load_transport(name).traits.requires)
    assert name not in extras or name in re.split(r"[\[\],]", extras["all"][0])


@pytest.mark.parametrize("name", PROCESS)
def test_libraries_that_are_missing_are_told_with_the_command_that_installs_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not_installed(load_transport(name)) == ""
    lacks_wings(name, monkeypatch)
    told = f"not installed: wings, no.such.parent; pip install 'transportlab[{name}]'"
    assert not_installed(load_transport(name)) == told


@pytest.mark.parametrize("name", PROCESS)
def test_a_session_that_fails_where_libraries_are_missing_says_so(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PluginError, match="E-NOT-FOUND"):
        open_backend("nobody", name)
    lacks_wings(name, monkeypatch)
    with pytest.raises(UsageError, match=rf"pip install 'transportlab\[{name}\]'"):
        open_backend("nobody", name)


@pytest.mark.parametrize("name", transport_names(EndpointKind.LIBRARY))
def test_a_library_of_our_own_that_is_not_built_is_told_with_the_command_that_builds_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(PluginError) as caught:
        open_backend("echo", name)
    assert caught.value.action == not_built(load_transport(name))
    assert f"python -m transports.{name}.build" in caught.value.action
    with pytest.raises(PluginError) as caught:
        open_backend("nobody", name)
    assert "transports" not in caught.value.action


def test_a_transport_without_libraries_needs_no_building() -> None:
    assert {not_built(load_transport(name)) for name in PROCESS} == {""}
