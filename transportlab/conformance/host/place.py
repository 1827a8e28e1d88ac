"""The place where a vector runs: its folder with everything in it, and the processes in there.

Each vector has a folder of its own, with HOME and TMPDIR in it. Both are inherited by plugins
(P-START-2), so every process that a vector has started can be told by its environment, wherever it
has gone. That is how what stays behind is found, and ended.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from transportlab.conformance.generators import evaluate
from transportlab.conformance.host.vectors import (
    FOLDER,
    Directory,
    HostVector,
    Link,
    Owner,
    Placed,
    PluginFile,
    TextFile,
)
from transportlab.data import ROOT

SCRIPTED = Path(__file__).with_name("scripted.py")
WIRES = ROOT / "transports"

PREFIX = "cronix-host-"
MIB = 1 << 20

_STUB = """\
import sys
sys.path.append({folder!r})
from scripted import main
main({case!r}, {who!r})
"""

_BINARY = """\
#include <unistd.h>
int main(void) {{ execl({python}, {python}, "-IS", {stub}, (char *)0); return 127; }}
"""

APP = "web"
JOBS = ("alpha", "beta")
"""What the manifest desires."""


def compiler() -> str:
    """The path of a C compiler; empty without one."""
    return shutil.which("cc") or ""


class Place:
    """A context manager: leaving it ends every process of the vector and removes the folder."""

    def __init__(self, vector: HostVector) -> None:
        self.vector = vector
        # In /tmp, as the path of a socket in it has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        self.record = self.folder / "record"
        self.manifest = self.folder / "manifest.json"
        self._files: dict[str, PluginFile] = {}

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        for path, names, _files in os.walk(self.folder):
            for name in names:
                inner = Path(path, name)
                if not inner.is_symlink():
                    inner.chmod(0o700)  # before the walk goes in
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- files

    def arrange(self) -> None:
        """Make everything that the command will find. Raises OSError."""
        for name in ("own", "home", "home/.cronix", "home/.cronix/plugins", "tmp", "cwd", "else"):
            (self.folder / name).mkdir()
        # A first line of a script can hold neither spaces nor a long path.
        (self.folder / "python").symlink_to(os.path.realpath(sys.executable))
        self.record.touch()
        vector = self.vector
        case = {
            "record": str(self.record),
            "script": evaluate(
                {moment: list(steps) for moment, steps in vector.script.items()}, {}
            ),
            "tidy": vector.tidy,
            "wires": str(WIRES),
            "path": [str(ROOT), *(path for path in sys.path if path.endswith("-packages"))],
        }
        (self.folder / "case.json").write_text(json.dumps(case))
        for placed in vector.files:
            self._put(placed)
        for placed in vector.files:
            if isinstance(placed, Directory):
                self.at(placed.at).chmod(int(placed.mode, 8))
        for name, value in vector.command.secrets.items():
            path = self.folder / f"secret-{name}"
            path.write_text(value)
            path.chmod(0o600)
        self.manifest.write_text(json.dumps(self._manifest()))

    def at(self, path: str) -> Path:
        """A path of the vector's in its folder."""
        return self.folder / path

    def text(self, text: str) -> str:
        """A text of the vector's with its folder's path."""
        return text.replace(FOLDER, str(self.folder))

    def _put(self, placed: Placed) -> None:
        path = self.at(placed.at)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(placed, PluginFile):
            path.write_bytes(self._program(placed))
            path.chmod(int(placed.mode, 8))
        elif isinstance(placed, TextFile):
            path.write_text(self.text(placed.text))
            path.chmod(int(placed.mode, 8))
        elif isinstance(placed, Link):
            path.symlink_to(self.text(placed.to))
        elif isinstance(placed, Owner):
            os.lchown(path, placed.user, placed.group)
        else:
            path.mkdir(exist_ok=True)

    def _program(self, file: PluginFile) -> bytes:
        """The small file that a host runs as the scripted plugin."""
        stub = _STUB.format(
            folder=str(SCRIPTED.parent),
            case=str(self.folder / "case.json"),
            who=file.who or file.at,
        )
        if file.binary:
            return self._binary(stub)
        first = f"#!{self.folder}/python -IS\n"
        if not file.padding:
            return (first + stub).encode()
        data = BytesIO()
        with zipfile.ZipFile(data, "w") as archive:  # Python reads its directory, not the padding
            archive.writestr("__main__.py", stub)
            archive.writestr("padding", bytes(file.padding * MIB))
        return first.encode() + data.getvalue()

    def _binary(self, stub: str) -> bytes:
        """Compile a program that becomes the scripted plugin."""
        main, source = self.folder / "else" / "stub.py", self.folder / "stub.c"
        main.write_text(stub)
        python = json.dumps(str(self.folder / "python"))
        source.write_text(_BINARY.format(python=python, stub=json.dumps(str(main))))
        target = self.folder / "stub"
        subprocess.run([compiler(), "-o", target, source], check=True, capture_output=True)
        return target.read_bytes()

    def _manifest(self) -> dict[str, Any]:
        request = {"url": "https://app.internal/run"}
        jobs = [{"name": name, "schedule": "0 3 * * *", "request": request} for name in JOBS]
        manifest: dict[str, Any] = {"version": 1, "app": APP, "jobs": jobs}
        if self.vector.pins:
            manifest["plugins"] = {
                name: {"sha256": [self._sum(each) for each in sums]}
                for name, sums in self.vector.pins.items()
            }
        return manifest

    def _sum(self, pin: str) -> str:
        if "/" not in pin:
            return pin
        form, _, path = pin.rpartition(":")
        found = hashlib.sha256(self.at(path).read_bytes()).hexdigest()
        return found.upper() if form == "upper" else found

    def environment(self) -> dict[str, str]:
        """That of the command: this process's, with places of the vector's own."""
        found = {k: v for k, v in os.environ.items() if not k.startswith("CRONIX_")}
        found |= {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "CRONIX_PLUGIN_DIR": str(self.folder / "own"),
        }
        for name, value in self.vector.environment.items():
            if value is None:
                found.pop(name, None)
            else:
                found[name] = self.text(value).replace("{PATH}", os.environ.get("PATH", ""))
        return found

    # ---- the record

    def lines(self) -> list[dict[str, Any]]:
        """The record so far."""
        whole, _, _ = self.record.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.split(b"\n") if line]

    # ---- processes

    def processes(self) -> Iterator[tuple[int, int]]:
        """Those that run in this place: their numbers, and descriptors (pidfd) that hold them."""
        mark = os.fsencode(self.folder)
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and _has(mark, name):
                with contextlib.suppress(ProcessLookupError), _held(int(name)) as descriptor:
                    if _has(mark, name):  # still the same one
                        yield int(name), descriptor

    def clear(self) -> None:
        """End all of them."""
        for _ in range(10):
            found = 0
            for _pid, descriptor in self.processes():
                found += 1
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            if not found:
                return


@contextlib.contextmanager
def _held(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _has(mark: bytes, pid: str) -> bool:
    """Whether a process was started with that in its environment. A zombie has none."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read()
    except OSError:
        return False


def digest(lines: list[dict[str, Any]]) -> Mapping[str, Any]:
    """What patterns are held against; docs/conformance-of-hosts.md has the members."""
    by: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by.setdefault(line["did"], []).append(line)
    started, calls = by.get("started", []), by.get("call", [])
    texts = [line["text"] for line in by.get("secret", [])]
    told = json.dumps([[line["arguments"], line["environment"]] for line in started])
    return {
        "ran": [line["who"] for line in started],
        "start": started[0] if started else None,
        "sockets": [line["socket"] for line in started],
        "told": told,
        "secrets": by.get("secret", []),
        "texts": texts,
        "secret_told": any(text and text in told for text in texts),
        "calls": calls,
        "methods": [line["method"] for line in calls],
        "ids": [line.get("id") for line in calls],
        "course": [line.get("method", line["did"]) for line in lines if _told(line)],
    }


def _told(line: Mapping[str, Any]) -> bool:
    return line["did"] not in ("answered", "started")
