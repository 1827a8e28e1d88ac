"""One attempt at one vector: the place, the command, what happens meanwhile, and the verdict.

Three things hold for every vector, whatever it is about: the command ends by itself and not by a
signal that nobody sent; nothing stays behind, neither a process nor a private directory; and the
secret of a launch is in no text that the command prints.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from msgspec import UNSET

from transportlab.conformance.generators import evaluate
from transportlab.conformance.host.command import Template
from transportlab.conformance.host.place import Place, digest
from transportlab.conformance.host.swap import Swapper
from transportlab.conformance.host.vectors import (
    APART,
    FOLDER,
    HostVector,
    Signal,
    Swap,
)
from transportlab.conformance.patterns import cut, mismatch, shown
from transportlab.conformance.result import Captured, Failure, Line, Outcome, Status
from transportlab.conformance.transcript import HOST, MOST, PLUGIN
from transportlab.redact import Redactor

TICK = 0.005
"""Seconds between two looks at the command and at the record."""

BEHIND_SECONDS = 3.0
"""How long after the command's end its processes may still be seen: the kernel ends them, or they
notice the end of their stdin."""

PRINTED = ("stdout", "stderr")
"""The files in a place that hold what the command printed."""

UNTOLD = ("at", "who", "environment")
"""Members of a line of the record that a capsule has elsewhere, or that are nobody's business."""

SHOWN = 1500
"""How many characters of a command's output a failure shows."""


class Problem(Exception):
    """The host does not do what the vector expects: while `doing`, in step `number`."""

    def __init__(self, number: int, doing: str, problem: str) -> None:
        super().__init__(problem)
        self.failure = Failure(number, doing, problem)


class Attempt:
    """One vector, on one transport, with one host.

    unable: why the host cannot read from a good plugin; empty if it can. A host that starts nothing
    would keep every clause about what must not run.
    """

    def __init__(
        self, vector: HostVector, template: Template, transport: str, unable: str = ""
    ) -> None:
        self._vector, self._template, self._transport = vector, template, transport
        self._unable = unable
        self._sent: list[int] = []

    def outcome(self) -> Outcome:
        """Carry it out."""
        begin = time.monotonic()
        with Place(self._vector) as place:
            try:
                place.arrange()
                self._run(place)
            except Problem as problem:
                found = Outcome(self._vector, Status.FAIL, failure=problem.failure)
                found.captured = captured(place)
            else:
                found = Outcome(self._vector, Status.PASS)
        found.seconds = time.monotonic() - begin
        return found

    def _words(self, place: Place) -> list[str]:
        command = self._vector.command
        backend = command.backend
        values: dict[str, Sequence[str]] = {
            "verb": (command.verb,),
            "manifest": (str(place.manifest),),
            "backend": (str(place.at(backend)) if "/" in backend else backend,),
            "transport": (self._transport,),
            "config": [f"{name}={value}" for name, value in command.config.items()],
            "secret": [f"{name}={place.folder}/secret-{name}" for name in command.secrets],
            "timeout": [] if command.timeout is None else [f"{command.timeout:g}"],
            "handshake": [] if command.handshake is None else [f"{command.handshake:g}"],
            "log": [""] if command.log else [],
        }
        return self._template.words(values)

    def _run(self, place: Place) -> None:
        words = self._words(place)
        doing = f"run {shlex.join(words)}"
        paths = [place.folder / name for name in PRINTED]
        status = 0
        with contextlib.ExitStack() as stack:
            stdout, stderr = (stack.enter_context(path.open("wb")) for path in paths)
            stack.enter_context(self._swapping(place))
            for _ in range(self._vector.runs):
                status = self._command(place, words, stdout, stderr)
        texts = [path.read_text("utf-8", "backslashreplace") for path in paths]
        said = "".join(texts)
        behind = self._left_behind(place)
        found = digest(place.lines())
        told = f"; it printed {cut(said, SHOWN)!r}"
        for number, what, problem in (
            (1, doing, self._wrong_end(status)),
            (2, "look at what it printed", self._wrong_words(place, texts, found)),
            (3, "look at what the plugin recorded", self._wrong_record(place, found)),
            (4, "look at what it left behind", behind),
            (5, "look whether it could have started a plugin", self._proves_nothing(found)),
        ):
            if problem:
                raise Problem(number, what, problem + (told if number < 4 else ""))  # noqa: PLR2004

    @contextlib.contextmanager
    def _swapping(self, place: Place) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for act in self._vector.meanwhile:
                if isinstance(act, Swap):
                    stack.enter_context(Swapper(place.at(act.at), place.at(act.other), act.by))
            yield

    def _command(self, place: Place, words: list[str], out: IO[bytes], err: IO[bytes]) -> int:
        """Run the command within its bound. Returns its status, below 0 for a signal's."""
        within = self._vector.expect.within
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=place.environment(),
                cwd=place.folder / "cwd",
                start_new_session=True,
            )
        except OSError as error:
            raise Problem(1, f"run {shlex.join(words)}", f"cannot be run: {error}") from error
        end = time.monotonic() + within
        todo = [act for act in self._vector.meanwhile if isinstance(act, Signal)]
        try:
            while child.poll() is None:
                if time.monotonic() > end:
                    lines = [line.get("method", line["did"]) for line in place.lines()]
                    problem = f"no end within {within:g} s; the plugin recorded {shown(lines)}"
                    raise Problem(1, f"run {shlex.join(words)}", problem)
                if todo and self._due(todo[0], place):
                    self._send(todo.pop(0), child)
                time.sleep(TICK)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        if todo:
            problem = f"it ended before the plugin recorded {shown(todo[0].when)}"
            raise Problem(1, f"run {shlex.join(words)}", problem)
        return child.returncode

    def _due(self, act: Signal, place: Place) -> bool:
        for line in place.lines():
            if not mismatch(act.when, line):
                due: float = line["at"] + act.after  # one clock for all processes
                return time.monotonic() >= due
        return False

    def _send(self, act: Signal, child: "subprocess.Popen[bytes]") -> None:
        number = signal.Signals[act.signal]
        self._sent.append(number)
        child.send_signal(number)

    # ---- verdicts: each is the problem, empty if there is none

    def _wrong_end(self, status: int) -> str:
        ends = self._vector.expect.ends
        if -status in self._sent:
            return "" if ends in ("killed", "badly", "any") else f"ended by signal {-status}"
        if status < 0:
            return f"ended by signal {-status}, which nobody sent"
        right = {"well": status == 0, "badly": status != 0, "killed": False, "any": True}
        wanted = {"well": "exit status 0", "badly": "another exit status than 0"}
        return "" if right[ends] else f"expected {wanted.get(ends, ends)}, got {status}"

    def _wrong_words(self, place: Place, texts: list[str], found: Mapping[str, Any]) -> str:
        said, expect = "".join(texts), self._vector.expect
        secrets = [line["text"] for line in found["secrets"] if line["text"]]
        hides = [re.escape(secret) for secret in secrets]
        hides += [_expression(place, text) for text in expect.hides]
        for text in hides:
            if match := re.search(text, said):
                return f"it prints {shown(match[0])}"
        for wanted, where, what in (
            (expect.says, said, ""),
            (expect.tells, texts[1], " on stderr"),
        ):
            for text in wanted:
                if not re.search(_expression(place, text), where):
                    return f"it does not print {text}{what}"
        return ""

    def _wrong_record(self, place: Place, found: Mapping[str, Any]) -> str:
        pattern = self._vector.expect.record
        if pattern is UNSET:
            return ""
        return mismatch(evaluate(_filled(pattern, place, self._transport), {}), found)

    def _proves_nothing(self, found: Mapping[str, Any]) -> str:
        if not self._unable or found["ran"]:
            return ""
        return f"no plugin started, but the host does not read from a good one: {self._unable}"

    def _left_behind(self, place: Place) -> str:
        """What of it is still there, after some time for it to go."""
        end = time.monotonic() + BEHIND_SECONDS
        while (found := _behind(place)) and time.monotonic() < end:
            time.sleep(TICK)
        return found


def captured(place: Place) -> Captured:
    """What the plugin recorded and what the host printed, for a capsule."""
    record = place.lines()
    secrets = [line["text"] for line in record if line["did"] == "secret"]
    redactor = Redactor({f"launch secret {n}": text for n, text in enumerate(secrets)})
    begin = record[0]["at"] if record else 0.0
    lines = [
        Line(round(line["at"] - begin, 6), PLUGIN, line["who"], redactor.text(_shown(line)))
        for line in record
    ]
    for name in PRINTED:
        path = place.folder / name
        text = path.read_text("utf-8", "backslashreplace") if path.exists() else ""
        end = lines[-1].at if lines else 0.0
        lines += [Line(end, HOST, name, redactor.text(cut(t, SHOWN))) for t in text.splitlines()]
    return Captured(tuple(lines[:MOST]), max(0, len(lines) - MOST))


def _shown(line: Mapping[str, Any]) -> str:
    told = {name: value for name, value in line.items() if name not in UNTOLD}
    return cut(json.dumps(told), SHOWN)


def _behind(place: Place) -> str:
    lines = place.lines()
    apart = {line["child"] for line in lines if line["did"] == "spawned" and line["leaves"]}
    for pid, _ in place.processes():
        if pid not in apart:
            words = Path(f"/proc/{pid}/cmdline").read_bytes() if _there(pid) else b""
            return f"process {pid} still runs: {words.replace(bytes(1), b' ').decode()}"
    for line in lines:
        if line["did"] == "started":
            for path in _private(line, place):
                if os.path.lexists(path):
                    return f"{path} is still there"
    return ""


def _there(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def _private(line: Mapping[str, Any], place: Place) -> Iterator[str]:
    """The directories that the host has made for a launch."""
    socket, file = line["socket"], line["file"]
    if socket:
        yield os.path.dirname(socket)
    if not file.startswith(tuple(f"{place.folder}/{name}/" for name in APART)):
        yield os.path.dirname(file)


def _expression(place: Place, text: str) -> str:
    return text.replace(FOLDER, re.escape(str(place.folder)))


def _filled(value: Any, place: Place, transport: str) -> Any:
    if isinstance(value, str):
        return place.text(value).replace("{transport}", transport)
    if isinstance(value, list):
        return [_filled(item, place, transport) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, place, transport) for name, item in value.items()}
    return value
