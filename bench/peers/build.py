"""Builds the peers into a folder, with the entries that they and the lab's plugin read.

    python -m bench.peers.build FOLDER

The stubs are generated there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from sysconfig import get_path

import msgspec

from bench.paired import ROOT
from transportlab.backends.echo import EchoStore, Memory
from transportlab.backends.echo.state import render
from transportlab.codecs import load_codec
from transportlab.evidence.arms import Catalogue, load_arms
from transportlab.evidence.arms import Plugin as ArmPlugin
from transportlab.evidence.run.machine import file_digest
from transportlab.evidence.run.workload import MIDDLE, app, jobs, manifest
from transportlab.host.discovery import name_of
from transportlab.model import Entry, OpenSessionReply, ReadReply
from transportlab.store import order

PROGRAMS = Path(__file__).parent / "programs"
PROTO = ROOT / "spec" / "plugin" / "backend.proto"
PAGE = ROOT / "docs" / "writing-a-plugin.md"
MANIFEST = ROOT / "spec" / "manifests" / "dozen.json"

JOBS, SCHEDULES = 256, 64
"""A manifest may have that many jobs, and a job that many schedules."""

_PYTHON = "#!python"
_CLOCK = PROGRAMS / "import_clock.py"


class Installed(msgspec.Struct, frozen=True):
    """An environment that has the lab: its interpreter, its command, its plugin."""

    python: str
    command: str
    plugin: str

    @classmethod
    def beside(cls, python: str) -> "Installed":
        """What stands in the interpreter's directory."""
        place = os.path.dirname(os.path.abspath(python))
        return cls(python, f"{place}/transportlab", f"{place}/cronix-backend-echo")

    @classmethod
    def here(cls) -> "Installed":
        """The environment that this process runs in."""
        place = get_path("scripts")
        return cls(sys.executable, f"{place}/transportlab", f"{place}/cronix-backend-echo")


class Built(msgspec.Struct, frozen=True):
    """The peers' paths, and files.

    peers: by their id in spec/arms.json, of the plugins that this module builds. A path is empty
    where its toolchain is not there.
    """

    peers: dict[str, str]
    flood: str
    go: str
    clocked: str
    state: str
    entries: str
    dozen: str
    largest: str
    ten: str
    pinned: str


def ours(arms: Catalogue) -> list[ArmPlugin]:
    """The plugins of spec/arms.json that this module builds."""
    return [plugin for plugin in arms.plugins if "bench.peers.build" in plugin.build]


def build(folder: Path) -> Built:
    """Build all. Raises CalledProcessError if a tool fails."""
    command = ["-m", "grpc_tools.protoc", f"-I{PROTO.parent}", f"--python_out={folder}"]
    command += [f"--grpc_python_out={folder}", str(PROTO)]
    subprocess.run([sys.executable, *command], check=True)
    state, entries, largest = (folder / f"{n}.json" for n in ("state", "entries", "largest"))
    state.write_bytes(render(seed()))
    entries.write_bytes(msgspec.json.encode(msgspec.json.decode(state.read_bytes())["entries"]))
    largest.write_text(json.dumps(largest_manifest()))
    return Built(
        peers={plugin.id: _peer(folder, plugin) for plugin in ours(load_arms())},
        flood=_executable(folder / "cronix-backend-flood", _source("cronix-backend-flood")),
        go=_go(folder / "cronix-backend-listing-go", "listing.go"),
        clocked=_with_import_clock(Installed.here().plugin, folder),
        state=str(state),
        entries=str(entries),
        dozen=str(MANIFEST),
        largest=str(largest),
        ten=_written(folder / "ten.json", manifest(MIDDLE)),
        pinned=_written(folder / "pinned.json", {**manifest(MIDDLE), "plugins": _pins()}),
    )


def _written(path: Path, value: object) -> str:
    path.write_bytes(msgspec.json.encode(value))
    return str(path)


def _pins() -> dict[str, object]:
    """The pin of the plugin in Go; none if it is not built."""
    plugin = load_arms().plugin("go")
    if plugin.missing():
        return {}
    return {name_of(Path(plugin.path)): {"sha256": file_digest(plugin.path)}}


def _peer(folder: Path, plugin: ArmPlugin) -> str:
    """Build a peer into the folder: of this language, of another one, or a page's."""
    path = folder / os.path.basename(plugin.program)
    ((codec, *_),) = (plugin.transports or {}).values()
    if "go" in plugin.needs:
        return _go(path, "floor.go")
    if "node" in plugin.needs:
        return _node(path, "floor.js")
    if (PROGRAMS / path.name).exists():
        replies = _replies(codec) if plugin.role == "control" else {}
        return _executable(path, _source(path.name, replies))
    return _executable(path, _from_page(path.name))


def seed() -> tuple[Entry, ...]:
    """The entries of every Read: those of the evidence suites' app with ten jobs."""
    store = EchoStore(Memory())
    found = [entry for wanted in jobs(MIDDLE) for entry in store.express(app(MIDDLE), wanted, "")]
    return tuple(sorted(found, key=order))


def largest_manifest() -> dict[str, object]:
    """The largest manifest that there may be, by jobs and schedules."""
    made = [
        {
            "name": f"job-{number:03d}",
            "schedules": [f"{at % 60} {(number + at // 60) % 24} * * *" for at in range(SCHEDULES)],
            "request": {"url": f"https://billing.internal/jobs/{number}"},
        }
        for number in range(JOBS)
    ]
    return {"version": 1, "app": "largest", "jobs": made}


def _with_import_clock(plugin: str, folder: Path) -> str:
    """Write a copy of a plugin's script that tells how long its imports take. Returns its path."""
    line, _, program = Path(plugin).read_text().partition("\n")
    path = folder / Path(plugin).name
    path.write_text(f"{line}\n{_CLOCK.read_text()}\n{program}")
    path.chmod(0o755)
    return str(path)


def _source(name: str, replies: Mapping[str, bytes] | None = None) -> str:
    """A program's text, its first line and its replies filled in."""
    text = (PROGRAMS / name).read_text().removeprefix(_PYTHON)
    texts = {"PACKAGES": repr(get_path("purelib"))}
    texts |= {member: repr(reply) for member, reply in (replies or {}).items()}
    return f"#!{sys.executable}{_filled(text, texts)}"


def _filled(text: str, texts: Mapping[str, str]) -> str:
    for name, value in texts.items():
        text = text.replace(f"@{name}@", value)
    return text


def _replies(codec: str) -> dict[str, bytes]:
    """The replies that a floor holds ready."""
    spoken = load_codec(codec)
    opened = OpenSessionReply(1, "floor", "1.0", ("read",))
    return {"OPENED": spoken.encode(opened), "READ": spoken.encode(ReadReply(seed()))}


def _from_page(file: str) -> str:
    """The text of a plugin in docs/writing-a-plugin.md."""
    pattern = rf"^File `{re.escape(file)}`:\n\n```python\n(.*?)^```$"
    found = re.search(pattern, PAGE.read_text(), re.M | re.S)
    if found is None:
        raise LookupError(f"{PAGE} has no file {file}")
    return f"#!{sys.executable}\n{found[1]}"


def _executable(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def _go(path: Path, file: str) -> str:
    """Build a program in Go, from the standard library alone. Empty without Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return ""
    source = path.with_suffix(".go")
    source.write_text(_with_replies(file))
    alone = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0", "GO111MODULE": "off"}
    command = [compiler, "build", "-trimpath", "-o", str(path), str(source)]
    subprocess.run(command, check=True, env={**os.environ, **alone}, cwd=path.parent)
    return str(path)


def _node(path: Path, file: str) -> str:
    """A program of Node.js without a package. Empty without Node.js."""
    interpreter = shutil.which("node")
    if interpreter is None:
        return ""
    return _executable(path, f"#!{os.path.realpath(interpreter)}\n{_with_replies(file)}")


def _with_replies(file: str) -> str:
    """The text of a floor in another language, its replies filled in as JSON."""
    texts = {name: reply.decode() for name, reply in _replies("json").items()}
    return _filled((PROGRAMS / file).read_text(), texts)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    build(Path(sys.argv[1]).absolute())
