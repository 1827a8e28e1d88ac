"""Builds the peers into a folder, with the entries that they and the lab's plugin read.

The stubs are generated there, and nothing of it is kept.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from sysconfig import get_path

import msgspec

from bench.paired import ROOT
from transportlab.backends.echo import EchoStore, Memory
from transportlab.backends.echo.state import render
from transportlab.evidence.run.workload import MIDDLE, app, jobs
from transportlab.model import Entry
from transportlab.store import order

PROGRAMS = Path(__file__).parent / "programs"
PROTO = ROOT / "spec" / "plugin" / "backend.proto"
PAGE = ROOT / "docs" / "writing-a-plugin.md"
MANIFEST = ROOT / "spec" / "manifests" / "dozen.json"

JOBS, SCHEDULES = 256, 64
"""A manifest may have that many jobs, and a job that many schedules."""

_FIRST_LINE = "#!python\n"


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
    """The peers' paths, and the files that rows need. go is empty if there is no Go."""

    stubs: str
    web: str
    listing: str
    flood: str
    go: str
    state: str
    entries: str
    dozen: str
    largest: str


def build(folder: Path) -> Built:
    """Build all. Raises CalledProcessError if a tool fails."""
    command = ["-m", "grpc_tools.protoc", f"-I{PROTO.parent}", f"--python_out={folder}"]
    command += [f"--grpc_python_out={folder}", str(PROTO)]
    subprocess.run([sys.executable, *command], check=True)
    written = {
        name: _executable(folder / f"cronix-backend-{name}", _source(name))
        for name in ("stubs", "web", "flood")
    }
    state, entries, largest = (folder / f"{n}.json" for n in ("state", "entries", "largest"))
    state.write_bytes(render(seed()))
    entries.write_bytes(msgspec.json.encode(msgspec.json.decode(state.read_bytes())["entries"]))
    largest.write_text(json.dumps(largest_manifest()))
    return Built(
        **written,
        listing=_executable(
            folder / "cronix-backend-listing", _from_page("cronix-backend-listing")
        ),
        go=_go(folder / "cronix-backend-listing-go"),
        state=str(state),
        entries=str(entries),
        dozen=str(MANIFEST),
        largest=str(largest),
    )


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


def _source(name: str) -> str:
    return (PROGRAMS / f"cronix-backend-{name}").read_text().removeprefix(_FIRST_LINE)


def _from_page(file: str) -> str:
    """The text of a plugin in docs/writing-a-plugin.md."""
    pattern = rf"^File `{re.escape(file)}`:\n\n```python\n(.*?)^```$"
    found = re.search(pattern, PAGE.read_text(), re.M | re.S)
    if found is None:
        raise LookupError(f"{PAGE} has no file {file}")
    return found[1]


def _executable(path: Path, text: str) -> str:
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def _go(path: Path) -> str:
    """Build the plugin in Go, from the standard library alone. Empty without Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return ""
    alone = {"GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0", "GO111MODULE": "off"}
    command = [compiler, "build", "-trimpath", "-o", str(path), str(PROGRAMS / "listing.go")]
    subprocess.run(command, check=True, env={**os.environ, **alone}, cwd=path.parent)
    return str(path)
