"""The scripted plugin: does what a vector's script says, and records what its host does to it.

It is a program for itself on Python's standard library, and imports nothing of this package. The
small file that a host finds as cronix-backend-<name> calls main() with the place of the case: a
JSON file with `record` (the file to write), `script` (steps by moment), `tidy`, `wires` (the folder
of the transports) and `path` (where libraries are found, for what the standard library lacks).

How a transport speaks is in transports/<name>/scripted.py, which is loaded by its path. It has one
function, serve(plugin), which listens, calls plugin.ready(), and hands each call to plugin.call().
A call there has `method`, `request`, and `facts` to record; it answers by

    reply(message), event(message), end(), error(code, message, details)
    reply_bytes(data)   a reply that is no message: so many bytes, or None for a short one
    raw(data)           bytes as they are to where the answer goes
    cut()               the end of the connection

A line of the record is one JSON object: `did` says what happened, `who` which file ran, `pid` in
which process, `at` when. docs/conformance-of-hosts.md has the language of the steps.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import resource
import runpy
import signal
import stat
import sys
import threading
import time
from typing import Any, NoReturn

Message = dict[str, Any]

SECRET = re.compile(rb"[0-9a-f]{64}\n\Z")
CODES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
LINE = "CRONIX-PLUGIN-V1 {endpoint} transport={transport} codec={codec} name=scripted version=1.0\n"
USUAL: dict[str, list[Message]] = {
    "line": [{"do": "stdout", "text": LINE}],
    "stdin-end": [{"do": "exit", "status": 0}],
    "SIGTERM": [{"do": "exit", "status": 0}],
}
"""What is done at these moments if the script says nothing; at a call, the usual answer."""

FOREVER = 3600.0
OVER_LONG = 64 * 1024 * 1024 + 128 * 1024
"""Bytes of a reply that is over the limit on each transport, whatever frames it."""


class Plugin:
    """One run of the program."""

    def __init__(self, case: Message, who: str) -> None:
        facts = _facts()  # before anything is opened
        self.who, self.script, self.tidy = who, case["script"], case["tidy"]
        self.wires, self.path = case["wires"], case["path"]
        self.record = os.open(case["record"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.transport = os.environ.get("CRONIX_PLUGIN_TRANSPORT", "")
        self.codec = os.environ.get("CRONIX_PLUGIN_CODEC", "")
        self.socket = os.environ.get("CRONIX_PLUGIN_SOCKET", "")
        self.secret = ""
        self.values = {
            "endpoint": self.socket or "stdio", "transport": self.transport, "codec": self.codec,
            "who": who,
        }  # fmt: skip
        self.lock = threading.Lock()
        self.writes = 0
        self.note("started", **facts, socket=self.socket, directory=_directory(self.socket))
        self.wire_in = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
        self.wire_out = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)

    def note(self, did: str, **facts: Any) -> None:
        """Write a line of the record."""
        line = {"did": did, "who": self.who, "pid": os.getpid(), "at": time.monotonic(), **facts}
        os.write(self.record, json.dumps(line).encode() + b"\n")

    # ---- the course of a run

    def run(self) -> None:
        """From the start to the end, which is an exit."""
        signal.signal(signal.SIGTERM, lambda *_: self.moment("SIGTERM"))
        self.moment("start")
        if self.socket:
            self.take_secret()
        place = os.path.join(self.wires, self.transport, "scripted.py")
        runpy.run_path(place)["serve"](self)

    def take_secret(self) -> None:
        """Read the launch's secret (P-AUTH-1). It is there before anything else may happen."""
        line = b""
        while not line.endswith(b"\n") and (byte := os.read(self.wire_in, 1)):
            line += byte
        form = "right" if SECRET.match(line) else "none" if not line else "wrong"
        self.note("secret", form=form, core=_core_limit(), text=line.decode("latin-1").strip())
        self.secret = line.decode("latin-1").strip()
        self.values["secret"] = self.secret

    def ready(self) -> None:
        """It can be called now."""
        self.moment("line")

    def drain(self) -> NoReturn:
        """On a socket transport: wait for the end of stdin."""
        while data := os.read(self.wire_in, 65536):
            self.note("more-on-stdin", bytes=len(data))
        self.ended()

    def ended(self) -> NoReturn:
        """stdin has ended."""
        self.moment("stdin-end")
        while True:
            signal.pause()

    def moment(self, name: str) -> None:
        """Do the steps of a moment that is no call."""
        self.note(name)
        for step in self.script.get(name, USUAL.get(name, [])):
            self.do(step, None)

    def call(self, call: Any) -> None:
        """Note a call, and do the steps that answer it."""
        request = call.request if isinstance(call.request, dict) else {}
        if call.method == "OpenSession":
            for name, value in request.get("config", {}).items():
                self.values[f"config:{name}"] = value
        writes = call.method in ("Apply", "Prune", "Adopt")
        with self.lock:
            self.writes += writes
            beside = self.writes if writes else 0
        self.note(
            "call",
            method=call.method,
            request=request,
            writes=beside,
            core=_core_limit(),
            **call.facts,
        )
        for step in self.script.get(call.method, [{"do": "usual"}]):
            self.do(step, call)
        with self.lock:
            self.writes -= writes
        self.note("answered", method=call.method)

    # ---- steps

    def do(self, step: Message, call: Any) -> None:
        """Do one step; call is None at a moment that is no call."""
        getattr(self, "_do_" + step["do"].replace("-", "_"))(step, call)

    def fill(self, value: Any) -> Any:
        """The value with what its {names} stand for."""
        if isinstance(value, str):
            for name, text in self.values.items():
                value = value.replace("{" + name + "}", text)
            return value
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {name: self.fill(item) for name, item in value.items()}
        return value

    def bytes_of(self, step: Message) -> bytes:
        """What a step writes."""
        text = self.fill(step.get("text", ""))
        raw: bytes = text.encode("utf-8", "surrogatepass")
        latin1: str = step.get("latin1", "")
        return raw + latin1.encode("latin-1")

    def _do_usual(self, step: Message, call: Any) -> None:
        if call.method == "Apply":
            for event in usual_events(call.request):
                call.event(event)
            call.end()
        else:
            call.reply(usual_reply(call.method, call.request))

    def _do_reply(self, step: Message, call: Any) -> None:
        usual = usual_reply(call.method, call.request)
        call.reply({**usual, **self.fill(step.get("message", {}))})

    def _do_unreadable(self, step: Message, call: Any) -> None:
        call.reply_bytes(None)

    def _do_over_long(self, step: Message, call: Any) -> None:
        call.reply_bytes(OVER_LONG)

    def _do_event(self, step: Message, call: Any) -> None:
        call.event(self.fill(step["message"]))

    def _do_events(self, step: Message, call: Any) -> None:
        """The first events of the usual answer, or all without the last."""
        for event in usual_events(call.request)[: step["first"]]:
            call.event(event)

    def _do_end(self, step: Message, call: Any) -> None:
        call.end()

    def _do_error(self, step: Message, call: Any) -> None:
        details = {"reason": "", "path": "", "expected": "", "got": "", "action": "",
                   "applied": [], "failed": [], "unattempted": []}  # fmt: skip
        if step.get("plain"):
            call.plain = True
        call.error(
            step["code"], self.fill(step.get("message", "")),
            {**details, **self.fill(step.get("details", {}))},
        )  # fmt: skip

    def _do_raw(self, step: Message, call: Any) -> None:
        call.raw(self.bytes_of(step))

    def _do_header(self, step: Message, call: Any) -> None:
        call.headers.append(self.fill(step["text"]))

    def _do_become(self, step: Message, call: Any) -> None:
        os.setuid(step["user"])

    def _do_cut(self, step: Message, call: Any) -> None:
        call.cut()

    def _do_stdout(self, step: Message, call: Any) -> None:
        data = self.bytes_of(step)
        if size := step.get("fit"):  # a line of exactly so many bytes
            data = data[:-1] + b"x" * (size - len(data)) + b"\n"
        write_all(self.wire_out, data)

    def _do_stderr(self, step: Message, call: Any) -> None:
        write_all(2, self.bytes_of(step))

    def _do_sleep(self, step: Message, call: Any) -> None:
        time.sleep(step["seconds"])

    def _do_hang(self, step: Message, call: Any) -> None:
        time.sleep(FOREVER)

    def _do_exit(self, step: Message, call: Any) -> None:
        if self.tidy and self.socket:
            for remove, path in (
                (os.unlink, self.socket),
                (os.rmdir, os.path.dirname(self.socket)),
            ):
                with contextlib.suppress(OSError):
                    remove(path)
        os._exit(step["status"])

    def _do_kill(self, step: Message, call: Any) -> None:
        os.kill(os.getpid(), getattr(signal, step["signal"]))

    def _do_close(self, step: Message, call: Any) -> None:
        """Close a stream for good: stdout, stderr or stdin."""
        for fd in {"stdout": (self.wire_out,), "stderr": (1, 2), "stdin": (self.wire_in,)}[
            step["what"]
        ]:
            os.close(fd)

    def _do_spawn(self, step: Message, call: Any) -> None:
        """Start a child that holds the pipes, and that SIGTERM does not end."""
        child = os.fork()
        if child:
            self.note("spawned", child=child, leaves=step["leaves"])
            return
        if step["leaves"]:
            os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(FOREVER)

    # ---- what transports need

    def number_of(self, code: str) -> int:
        """The number of a code; for a name that is none, one that the protocol does not give."""
        return CODES.index(code) + 1 if code in CODES else 99

    def judge(self, secrets: list[str]) -> str:
        """What the secrets of a call are: "right", "wrong", "none" or "twice"."""
        right = "right" if secrets[:1] == [self.secret] else "wrong"
        return "none" if not secrets else "twice" if len(secrets) > 1 else right

    def write_all(self, fd: int, data: bytes) -> None:
        """Write all of it."""
        write_all(fd, data)

    def messages(self, codec: str) -> tuple[Any, Any]:
        """(decode, encode): bytes and plain values, by a method's name and what is meant of it."""
        if codec == "json":
            return (
                lambda _name, _what, data: json.loads(data),
                lambda _name, _what, value: json.dumps(value).encode(),
            )
        sys.path[:0] = self.path
        from transportlab import model
        from transportlab.codecs import load_codec
        from transportlab.methods import METHODS

        plain, other = load_codec("json"), load_codec(codec)

        def kind(name: str, what: str) -> Any:
            return model.Status if what == "status" else getattr(METHODS[name], what)

        return (
            lambda name, what, data: json.loads(plain.encode(other.decode(kind(name, what), data))),
            lambda name, what, value: other.encode(
                plain.decode(kind(name, what), json.dumps(value).encode())
            ),
        )


def write_all(fd: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(fd, data) :]


def _core_limit() -> str:
    return str(resource.getrlimit(resource.RLIMIT_CORE)[0])


def _facts() -> Message:
    """How the process was started."""
    with open("/proc/self/environ", "rb") as file:
        environment = file.read().split(b"\0")
    pairs = [entry.decode("utf-8", "backslashreplace").partition("=") for entry in environment]
    descriptors = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(name))
        except OSError:  # the one that lists
            continue
        if os.path.samestat(found, os.stat(sys.argv[0])):  # the interpreter's, which reads it
            continue
        kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISREG, "file"))
        descriptors[name] = next((kind for test, kind in kinds if test(found.st_mode)), "other")
    return {
        "arguments": sys.argv[1:],
        "environment": {name: value for name, _, value in pairs if name},
        "names": sorted(name for name, _, _ in pairs if name),
        "descriptors": descriptors,
        "leader": os.getpgrp() == os.getpid(),
        "file": sys.argv[0],
        "beside": sorted(os.listdir(os.path.dirname(sys.argv[0]) or ".")),
        "around": f"{stat.S_IMODE(os.stat(os.path.dirname(sys.argv[0]) or '.').st_mode):04o}",
    }


def _directory(socket: str) -> Message:
    """What is at the socket's path and around it, before this process makes anything."""
    if not socket:
        return {}
    try:
        found = os.stat(os.path.dirname(socket))
    except OSError as error:
        return {"problem": str(error)}
    return {
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "own": found.st_uid == os.geteuid(),
        "length": len(os.fsencode(socket)),
        "there": os.path.lexists(socket),
    }


# ---- the usual answers


def entry(app: str, job: str, index: int, hash_: str) -> Message:
    """One owned entry."""
    return {
        "app": app, "job": job, "index": index, "hash": hash_, "schedule": "0 3 * * *",
        "command": f"run-{job}", "location": "",
    }  # fmt: skip


def usual_reply(method: str, request: Message) -> Message:
    """An answer that any host can work with."""
    app = request.get("app") or "web"
    if method == "OpenSession":
        return {
            "protocol_version": max(request.get("protocol_versions") or [1]),
            "plugin_name": "scripted", "plugin_version": "1.0",
            "capabilities": [
                "read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership",
            ],
        }  # fmt: skip
    if method == "Read":
        return {"entries": [entry(app, "alpha", 0, "ab")], "malformed": []}
    if method == "Plan":
        ops = []
        for desired in request.get("jobs", []):
            name, hashes = desired["job"]["name"], desired["hashes"]
            after = [entry(app, name, index, one) for index, one in enumerate(hashes)]
            ops.append(
                {"kind": "create", "job": name, "before": [], "after": after, "desired": desired}
            )
        return {"app": app, "ops": ops, "state_digest": "0" * 64, "warnings": []}
    others: dict[str, Message] = {
        "Drift": {"items": []},
        "Prune": {"removed": []},
        "Adopt": {"outcome": "not_found", "differences": [], "entries": []},
        "VerifyOwnership": {"items": [], "warnings": []},
    }
    return others.get(method, {})


def usual_events(request: Message) -> list[Message]:
    """Those of an Apply that does all of its plan."""
    events = []
    for index, op in enumerate(request.get("plan", {}).get("ops", [])):
        if op.get("kind", "skip") != "skip":
            event = {"op_index": index, "op_kind": op["kind"], "job": op["job"]}
            events += [{"kind": kind, **event} for kind in ("started", "done")]
    counts = {"deleted": 0, "updated": 0, "created": len(events) // 2, "skipped": 0}
    return [*events, {"kind": "finished", "op_index": 0, "counts": counts}]


def main(case: str, who: str) -> None:
    """Run as the file `who`. case: the path of the case."""
    with open(case, encoding="utf-8") as file:
        found = json.load(file)
    Plugin(found, who).run()
