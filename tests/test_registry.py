"""What the registry says of a transport that cannot be used here."""

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from transportlab.channel import EndpointKind
from transportlab.codecs import REQUIRES
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


def test_the_extra_of_a_codec_has_its_name() -> None:
    assert set(REQUIRES) <= set(PYPROJECT["project"]["optional-dependencies"])


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


WITHOUT_GOOGLE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "google":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
sys.modules.pop("google", None)
"""
"""A sitecustomize by which this interpreter and its plugins have no parent package of protobuf."""

ASK = """
import contextlib, io, json, shutil, sys
from transportlab.cli import main
from transportlab.evidence.run.plan import transport_arms

def run(*words):
    sys.argv[1:] = words
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        with contextlib.suppress(SystemExit):
            main()
    return said.getvalue()

plugin = shutil.which("cronix-backend-echo")
other = shutil.copy2(plugin, sys.argv[1])
arms, missing = transport_arms()
table = json.loads(run("transports", "--json"))["transports"]
print(json.dumps({
    "table": {row["name"]: row["missing"] for row in table},
    "arms": [arm.id for arm in arms],
    "missing": {name: gap.why for gap in missing for name in gap.what.split(", ")},
    "conformance": run("conformance", "--vector", "read-empty"),
    "gate": run("gate", "--plugin", plugin, "--against", other, "--transport", "grpc"),
    "diagnose": run("plugins", "diagnose", plugin, "--transport", "grpc"),
    "list": json.loads(run("plugins", "list", "--start", "--json")),
}))
"""


def test_all_places_agree_on_what_cannot_run_where_a_parent_package_is_missing(
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_GOOGLE)
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": scripts}
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    needs = {name: load_transport(name).traits for name in transport_names()}
    whole = {name for name in needs if "google.protobuf" in needs[name].requires}
    carry = {name for name in needs if "protobuf" in needs[name].codecs} - whole
    usable = [
        f"{name}-{codec}"
        for name in sorted(needs.keys() - whole)
        for codec in needs[name].codecs
        if codec != "protobuf"
    ]

    assert {
        name for name, missing in said["table"].items() if missing == ["google.protobuf"]
    } == whole
    assert {
        name for name, missing in said["table"].items() if "for protobuf" in str(missing)
    } == carry
    assert said["arms"] == usable
    every = {f"{name}-{codec}" for name in needs for codec in needs[name].codecs}
    assert said["missing"].keys() == every - set(usable)
    lines = said["conformance"].splitlines()
    missing = {
        arm.split()[0]
        for arm, why in pairwise(lines)
        if why.startswith("  not run, not installed: google.protobuf;")
    }
    assert missing == every - set(usable)
    assert "0 fail" in said["conformance"]
    for name in ("gate", "diagnose"):
        assert "not installed: google.protobuf; pip install 'transportlab[grpc]'" in said[name]
    programs = [row for row in said["list"]["plugins"] if not row["library"]]
    assert programs
    for row in programs:
        assert not whole & set(row["transports"]), row
