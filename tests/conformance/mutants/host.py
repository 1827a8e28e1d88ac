"""A small host on Python's standard library, with one fault at a time: host.py FAULT VERB --...

It keeps to the protocol over stdio and over HTTP with JSON, as far as the vectors for hosts look.
Each fault is named where it strikes; tests/conformance/host/test_mutants.py says which vectors find
it.
"""

import argparse
import contextlib
import hashlib
import json
import os
import queue
import re
import resource
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

FAULT = sys.argv[1]
Message = dict[str, Any]
OnEvent = Callable[[Message], None]

PREFIX = "cronix-backend-"
ALLOWED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
CODES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
MAX_LINE, MAX_MESSAGE, MAX_TEXT = 4096, 64 << 20, 8192
FOREVER = 3600.0


class Failure(Exception):
    """The plugin's answer is an error."""

    def __init__(self, code: str, message: str, details: Message | None = None) -> None:
        self.code = code if code in CODES else "UNKNOWN"
        if fault("any-code") and code not in CODES:
            self.code = "INTERNAL"
        self.message, self.details = message, details or {}
        super().__init__(f"{self.code}: {message}")


class Lost(Exception):
    """There is no plugin, or no connection to it."""


def max_line() -> int:
    return 4 << 20 if fault("limit-of-4") else MAX_MESSAGE + (64 << 10)


def fault(*names: str) -> bool:
    return FAULT in names


def hang() -> NoReturn:
    time.sleep(FOREVER)
    raise SystemExit(1)


# ---- texts


hidden: list[str] = []


def clean(text: str) -> str:
    """Without secrets, and without control characters."""
    for secret in () if fault("hides-nothing") else hidden:
        forms = [secret]
        if not fault("hides-the-value-only"):
            forms += [json.dumps(secret)[1:-1], repr(secret)[1:-1]]
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, "[secret]")
    if not fault("cuts-nothing", "keeps-long-lines") and len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "..."
    if fault("escapes-nothing"):
        return text
    kept = "\n" if fault("keeps-line-breaks") else ""
    return "".join(c if c.isprintable() or c in kept else ascii(c)[1:-1] for c in text)


def tell(text: str) -> None:
    print(clean(text), file=sys.stderr, flush=True)


def show(text: str) -> None:
    if not fault("prints-nothing"):
        print(clean(text), flush=True)


# ---- discovery


def find(backend: str) -> str:
    if "/" in backend and not fault("paths-are-names"):
        return os.path.abspath(backend)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", backend) and not fault("any-name"):
        raise Lost(f"{backend} is no name")
    own, home = os.environ.get("CRONIX_PLUGIN_DIR"), os.environ["HOME"] + "/.cronix/plugins"
    places = [own] if own else ["."] if fault("searches-here") else []
    places += [home] if not fault("own-only") else []
    if fault("home-first"):
        places.reverse()
    if fault("needs-its-variable") and not own:
        raise Lost("CRONIX_PLUGIN_DIR is not set")
    if fault("searches-path"):
        places += os.environ["PATH"].split(":")
    file = ("cronix-" if fault("other-prefix") else PREFIX) + backend
    found: list[str] = []
    for place in places:
        path = os.path.join(place, file)
        try:
            os.lstat(path)
        except FileNotFoundError:
            if fault("missing-directory-ends") and not os.path.isdir(place):
                raise Lost(f"there is no {place}") from None
        except OSError as error:
            if not found and not fault("skips-errors"):
                raise Lost(f"{place}: {error}") from error
        else:
            runs = os.path.isfile(path) and os.access(path, os.X_OK)
            if runs or not fault("skips-what-cannot-run"):
                found.append(path)
    if not found:
        if fault("missing-is-fine"):
            raise SystemExit(0)
        raise Lost(f"there is no {file}")
    for path in found[1:]:
        if not fault("tells-no-hidden"):
            tell(f"{path} is hidden")
    return found[0]


# ---- trust


def check_writers(path: str) -> None:
    if fault("looks-at-no-modes"):
        return
    while True:
        check_writer(path)
        if not fault("looks-at-the-file-only"):
            check_writer(os.path.dirname(path), links=True)
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def check_writer(path: str, *, links: bool = False) -> None:
    found = os.stat(path) if links else os.lstat(path)
    mode = found.st_mode
    if found.st_uid not in (0, os.geteuid()) and not fault("looks-at-no-owners"):
        raise Lost(f"{path} belongs to another user")
    if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return
    others = stat.S_IWOTH | (0 if fault("last-digit-only") else stat.S_IWGRP)
    if mode & others and not (found.st_gid == os.getegid() and not mode & stat.S_IWOTH):
        raise Lost(f"{path} can be written by others")


def admit(name: str, path: str, pins: Message, stack: contextlib.ExitStack) -> str:
    """The path of what may run."""
    if not pins or fault("ignores-pins"):
        check_writers(path)
        return path
    pin = pins.get(name)
    if fault("pins-by-sum"):
        pin = {"sha256": [each for one in pins.values() for each in one["sha256"]]}
    if pin is None or (fault("pins-for-names-only") and "/else/" in path):
        if fault("runs-without-a-pin", "pins-for-names-only"):
            return path
        raise Lost(f"{name} is not pinned")
    sums = [pin["sha256"]] if isinstance(pin["sha256"], str) else pin["sha256"]
    if fault("first-sum-only"):
        sums = sums[:1]
    for one in sums:
        if not re.fullmatch("[0-9a-f]{64}", one) and not fault("any-digits"):
            raise Lost(f"{one} is no sum")
    if not fault("a-pin-is-enough"):
        check_writers(path)
    copy = Path(tempfile.mkdtemp())
    if not fault("leaves-the-copy"):
        stack.callback(shutil.rmtree, copy, ignore_errors=True)
    digest, target = hashlib.sha256(), copy / os.path.basename(path)
    with open(path, "rb") as source, target.open("wb") as out:
        while data := source.read(1 << 18):
            digest.update(data)
            out.write(data)
    target.chmod(0o500)
    if fault("hashes-the-path"):
        digest = hashlib.sha256(path.encode())
    wanted = [one.lower() for one in sums] if fault("any-digits") else sums
    if digest.hexdigest() not in wanted:
        raise Lost(f"{path} is not what is pinned")
    return path if fault("hashes-and-then-runs") else str(target)


# ---- start


class Plugin:
    """A running plugin."""

    def __init__(self, options: Any, path: str, stack: contextlib.ExitStack) -> None:
        self.options, self.name = options, os.path.basename(path).removeprefix(PREFIX)
        self.socket = self.secret = ""
        self.tail: list[str] = []
        self.kept = b""
        environment = {k: v for k, v in os.environ.items() if k in ALLOWED or k.startswith("LC_")}
        if fault("empty-environment"):
            environment = {"HOME": os.environ["HOME"]}
        named = os.environ.get("CRONIX_PLUGIN_ENV", "").split(",")
        named = named[:1] if fault("one-variable-only") else named
        environment |= {name: os.environ[name] for name in named if name in os.environ}
        if fault("inherits-the-environment"):
            environment = dict(os.environ)
        environment |= {"CRONIX_PLUGIN_TRANSPORT": options.transport, "CRONIX_PLUGIN_CODEC": "json"}
        if fault("tells-no-transport"):
            del environment["CRONIX_PLUGIN_TRANSPORT"]
        if fault("config-in-the-environment"):
            environment["LC_CONFIG"] = json.dumps(options.config)
        if fault("always-a-socket"):
            environment["CRONIX_PLUGIN_SOCKET"] = "/nowhere"
        if options.transport == "http":
            self.socket = environment["CRONIX_PLUGIN_SOCKET"] = make_directory(stack) + "/s"
            self.secret = "ab" * 32 if fault("one-secret-for-all") else secrets.token_hex(32)
            hidden.append(self.secret)
        if fault("secret-in-the-environment"):
            environment["LC_SECRET"] = self.secret
        arguments = list(options.config.values()) if fault("config-in-arguments") else []
        core = resource.RLIMIT_CORE
        hard = resource.getrlimit(core)[1]
        limits = (hard if fault("any-core") else 0, hard)
        first = (hard, hard) if fault("late-core") else limits
        extra = os.open("/dev/null", os.O_RDONLY)
        self.process = subprocess.Popen(
            [path, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, bufsize=0,
            process_group=None if fault("shares-its-group") else 0,
            pass_fds=[extra] if fault("leaks-a-descriptor") else [],
            preexec_fn=lambda: resource.setrlimit(core, first),
        )  # fmt: skip
        stack.callback(self.stop)
        os.close(extra)
        self.pid = self.process.pid
        pipes = (self.process.stdin, self.process.stdout, self.process.stderr)
        self.stdin, self.stdout, self.stderr = (pipe.fileno() for pipe in pipes if pipe)
        if not fault("trusts-the-wire"):
            threading.Thread(target=self.watch, daemon=True).start()
        if fault("another-holds-stdin"):
            keeper = os.fork()
            if not keeper:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                for descriptor in (0, 1, 2):
                    os.close(descriptor)
                hang()
            stack.callback(os.kill, keeper, signal.SIGKILL)
        self.log = threading.Thread(target=self.read_log, daemon=True)
        if not fault("reads-the-log-at-the-end"):
            self.log.start()
        if self.secret and not fault("no-secret"):
            os.write(self.stdin, self.secret.encode() + b"\n")
        if fault("more-on-stdin"):
            os.write(self.stdin, b"hello\n")
        if fault("late-core"):
            time.sleep(0.3)
            resource.prlimit(self.pid, core, limits)

    # ---- the log

    def read_log(self) -> None:
        rest = b""
        while data := os.read(self.stderr, 1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.take_line(line)
            if not fault("keeps-long-lines"):
                rest = rest[: MAX_TEXT + 1]
        if fault("the-end-of-the-log-is-the-end"):
            self.signal(signal.SIGKILL)
        if rest and not fault("whole-lines-only"):
            self.take_line(rest)

    def take_line(self, line: bytes) -> None:
        strict = "strict" if fault("utf-8-only") else "backslashreplace"
        text = (line if fault("keeps-long-lines") else line[:MAX_TEXT]).decode("utf-8", strict)
        name, message = self.name, text
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            if isinstance(found, dict):
                words = ("msg",) if fault("msg-only") else ("msg", "@message")
                message = next((found[w] for w in words if w in found), "")
                rest = {k: v for k, v in found.items() if k not in words}
                message = f"{message} {json.dumps(rest)}" if not fault("msg-only") else message
                name = found.get("plugin", name) if fault("named-by-the-line") else name
                if fault("the-log-decides") and found.get("level") == "fatal":
                    os.killpg(self.pid, signal.SIGKILL)
            elif fault("objects-only"):
                return
        if fault("objects-only") and message == text:
            return
        if self.options.log:
            tell(message if fault("tells-no-name") else f"{name}: {message}")
        self.tail = [*self.tail[-9:], f"{name}: {message}"]

    # ---- the line

    def handshake(self) -> None:
        end = time.monotonic() + (5.0 if fault("ignores-the-wait") else self.options.handshake)
        if fault("impatient"):
            end = time.monotonic() + 1
        if fault("waits-for-ever", "no-bound-and-no-end", "ignores-signals-and-waits"):
            end += FOREVER
        most = (
            1024
            if fault("short-buffer")
            else 1 << 30
            if fault("no-bound", "no-bound-and-no-end")
            else MAX_LINE
        )
        line = b""
        os.set_blocking(self.stdout, False)
        while not line.endswith(b"\n"):
            if time.monotonic() > end:
                raise Lost("no line in time")
            try:
                byte = os.read(self.stdout, 4096 if fault("one-read") else 1)
            except BlockingIOError:
                time.sleep(0.002)
                continue
            if not byte:
                if fault("waits-for-ever"):
                    hang()
                if fault("an-exit-with-0-is-fine") and self.process.wait(1) == 0:
                    raise SystemExit(0)
                if fault("half-a-line-is-fine"):
                    break
                raise Lost("no line")
            line += byte
            if fault("one-read"):
                break
            if len(line) > most or (len(line) == most and not line.endswith(b"\n")):
                raise Lost("the line is too long")
            if fault("skips-lines") and line.endswith(b"\n") and b"PLUGIN-V1 " not in line:
                line = b""
        os.set_blocking(self.stdout, True)
        self.check_line(line)

    def check_line(self, line: bytes) -> None:
        try:
            text = line.decode("latin-1" if fault("any-bytes") else "utf-8").rstrip("\n")
        except UnicodeDecodeError as error:
            raise Lost("the line is no UTF-8") from error
        magic, *words = text.split(" ")
        version = magic.startswith("CRONIX-PLUGIN-V") if fault("any-version") else (
            magic.startswith("CRONIX-PLUGIN-V1") if fault("any-version-that-begins-so")
            else magic == "CRONIX-PLUGIN-V1")  # fmt: skip
        if not version:
            raise Lost(f"no handshake: {text[:200]}")
        wanted = self.socket or "stdio"
        if not words and fault("assumes-the-endpoint"):
            words = [wanted]
        if not words:
            raise Lost("no endpoint")
        said = words[0]
        right = said == wanted or fault("any-endpoint") or (
            fault("about-the-same-endpoint") and said.endswith(wanted))  # fmt: skip
        if not right:
            raise Lost(f"another endpoint: {said}")
        keys = [word.partition("=") for word in words[1:]]
        if any(not equals for _, equals, _ in keys) and not fault("free-words"):
            raise Lost("a word without a value")
        found = {key: value for key, _, value in keys}
        if fault("asks-for-words") and "name" not in found:
            raise Lost("no name")
        known = {"transport", "codec", "name", "version", "abi"}
        if fault("known-keys-only") and set(found) - known:
            raise Lost("an unknown key")
        transport = found.get("transport", self.options.transport)
        if transport != self.options.transport and not fault("any-transport"):
            raise Lost(f"another transport: {transport}")

    # ---- the end

    def watch(self) -> None:
        """Kill what is left of the group once the process has ended, so that the wire ends too."""
        while not self.ended(1.0):
            pass
        self.signal(signal.SIGKILL)

    def ended(self, seconds: float) -> bool:
        if self.process.returncode is not None:
            return True
        end = time.monotonic() + seconds
        while os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if fault("shares-its-group", "leaves-the-group"):
                os.kill(self.pid, number)
            else:
                os.killpg(self.pid, number)

    def stop(self) -> None:
        if fault("kills-at-once"):
            self.signal(signal.SIGKILL)
        if self.process.stdin:
            self.process.stdin.close()
        if not self.ended(1.0) and not fault("no-sigterm"):
            self.signal(signal.SIGTERM)
        if fault("no-sigkill"):
            self.ended(FOREVER)
        self.ended(1.0)
        self.signal(signal.SIGKILL)
        self.ended(5.0)
        self.process.wait()
        if fault("reads-the-log-at-the-end"):
            self.log.start()
        self.log.join(FOREVER if fault("waits-for-the-pipes") else 0.3)
        if self.socket and fault("directory-must-be-there"):
            os.rmdir(os.path.dirname(self.socket))


def make_directory(stack: contextlib.ExitStack) -> str:
    parent = tempfile.gettempdir()
    if not re.fullmatch(r"[A-Za-z0-9/._+-]{1,80}", parent) and not fault("any-path"):
        parent = "/tmp"
    found = os.stat(parent)
    others = found.st_mode & (stat.S_IWOTH | stat.S_IWGRP)
    if others and not found.st_mode & stat.S_ISVTX and not fault("any-tmpdir"):
        raise Lost(f"others can write {parent}")
    path = tempfile.mkdtemp(dir=parent)
    if fault("one-directory-for-all"):
        os.rmdir(path)
        path = parent + "/run"
        os.mkdir(path, 0o700)
    if fault("open-directory"):
        os.chmod(path, 0o755)
    if not fault("leaves-the-directory", "directory-must-be-there"):
        stack.callback(shutil.rmtree, path, ignore_errors=True)
    return path


# ---- wires


def unique(pairs: list[tuple[str, Any]]) -> Message:
    if len(dict(pairs)) < len(pairs) and not fault("last-member-counts"):
        raise ValueError("a member twice")
    return dict(pairs)


class Stdio:
    """JSON-RPC on the plugin's pipes."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin, self.id = plugin, 0
        self.lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        rest = bytearray()
        with contextlib.suppress(OSError):
            while data := os.read(self.plugin.stdout, 1 << 20):
                if fault("a-read-is-a-line"):
                    self.lines.put(data)
                    continue
                *lines, last = data.split(b"\n")
                for line in lines:
                    self.lines.put(bytes(rest + line))
                    rest.clear()
                rest += last
                if len(rest) > max_line() and not fault("no-limit"):
                    break
        self.lines.put(None)

    def call(self, method: str, request: Message, timeout: float | None, event: OnEvent) -> Any:
        self.id += 0 if fault("one-id-for-all") else 1
        params: Message = {"request": request}
        if timeout is not None and not fault("keeps-the-deadline"):
            params["timeout_us"] = int(timeout * 1e6)
        if timeout is None and fault("a-deadline-by-default"):
            params["timeout_us"] = 30_000_000
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": self.id})
        with contextlib.suppress(BrokenPipeError):
            os.write(self.plugin.stdin, line.encode() + b"\n")
            if fault("calls-twice") and method == "Apply":
                os.write(self.plugin.stdin, line.replace('"id": ', '"id": 9').encode() + b"\n")
        end = time.monotonic() + (FOREVER if timeout is None else timeout)
        while True:
            if fault("a-deadline-for-each-event") and timeout is not None:
                end = time.monotonic() + timeout
            if fault("no-deadline"):
                end = time.monotonic() + FOREVER
            try:
                found = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise Failure("DEADLINE_EXCEEDED", "the deadline passed") from None
            if found is None:
                raise Lost("the connection is lost")
            if fault("no-cr") and found.endswith(b"\r"):
                raise Lost("a line end that is none")
            if not found.strip() and not fault("no-blank-lines"):
                continue
            value = self.parse(found)
            if value is None:
                continue
            if value.get("method") == "event":
                event(value["params"]["event"])
            elif "id" in value and value["id"] is None and not fault("skips-what-has-no-id"):
                raise Lost("an answer to no call")
            elif value.get("id") == self.id or fault("any-id"):
                return self.answer(value)

    def parse(self, line: bytes) -> Message | None:
        if len(line) > max_line() and not fault("no-limit"):
            raise Lost("a line over the limit")
        try:
            value = json.loads(line, object_pairs_hook=unique)
        except ValueError as error:
            second = line.startswith(b"CRONIX-PLUGIN-V1")
            if fault("skips-noise") or (second and fault("skips-second-lines")):
                return None
            raise Lost(f"no JSON: {error}") from error
        return value if isinstance(value, dict) else {}

    def answer(self, value: Message) -> Any:
        if "error" not in value:
            return value["result"]
        error = value["error"]
        data = error.get("data")
        if data is None:
            if fault("data-or-nothing"):
                raise Lost("an error without data")
            names = {-32601: "UNIMPLEMENTED", -32602: "INVALID_ARGUMENT"}
            raise Failure(names.get(error["code"], "INTERNAL"), error["message"])
        raise Failure(data["code"], error["message"], data["details"])


class Http:
    """HTTP with JSON on the plugin's socket; a connection for each call."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin, self.calls, self.cookie = plugin, 0, ""
        if not fault("leaves-stdout-full"):
            threading.Thread(target=self.drain, daemon=True).start()

    def drain(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.plugin.stdout, 1 << 16):
                self.plugin.kept += data[:200]

    def call(self, method: str, request: Message, timeout: float | None, event: OnEvent) -> Any:
        if b"CRONIX-PLUGIN-V1" in self.plugin.kept and not fault("skips-second-lines"):
            raise Lost("a second line")
        with socket.socket(socket.AF_UNIX) as connection:
            while True:
                try:
                    connection.connect(self.plugin.socket)
                    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                    if struct.unpack("3i", peer)[1] != os.geteuid() and not fault("asks-no-peer"):
                        raise Lost("another user listens")
                    break
                except OSError as error:
                    if not fault("connects-for-ever"):
                        raise Lost(f"cannot connect: {error}") from error
            try:
                return self.exchange(connection, method, request, timeout, event)
            except TimeoutError:
                raise Failure("DEADLINE_EXCEEDED", "the deadline passed") from None
            except (OSError, IndexError) as error:
                raise Lost(f"the connection is lost: {error}") from error

    def exchange(
        self, connection: socket.socket, method: str, request: Message,
        timeout: float | None, event: OnEvent,
    ) -> Any:  # fmt: skip
        self.calls += 1
        body = json.dumps(request).encode()
        path = "/" if fault("another-path") else "/cronix.backend.v1.Backend/"
        head = [
            f"POST {path}{method} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
        ]
        if self.calls == 1 or not fault("shows-the-secret-once"):
            head.append(f"Cronix-Secret: {self.plugin.secret}")
        if timeout is not None:
            head.append(f"Cronix-Timeout-Us: {int(timeout * 1e6)}")
            connection.settimeout(timeout)
        if self.cookie:
            head.append(f"Cookie: {self.cookie}")
        connection.sendall(
            "\r\n".join([*head, f"Content-Length: {len(body)}\r\n\r\n"]).encode() + body
        )
        with connection.makefile("rb") as lines:
            status = int(lines.readline().split()[1])
            headers: dict[str, list[str]] = {}
            while line := lines.readline().strip().decode():
                name, _, value = line.partition(":")
                headers.setdefault(name.lower(), []).append(value.strip())
            if fault("keeps-cookies"):
                self.cookie = headers.get("set-cookie", [""])[0]
            if status == 307 and fault("follows-redirects"):
                return self.call(method, request, timeout, event)
            if method == "Apply" and status == 200:
                return self.stream(lines, event)
            lengths, chunked = headers.get("content-length", []), "transfer-encoding" in headers
            if (len(lengths) != 1 or chunked) and not fault("any-length"):
                raise Lost("the reply has no clear end")
            size = int(lengths[0])
            if size > (4 << 20 if fault("limit-of-4") else MAX_MESSAGE) and not fault("no-limit"):
                raise Lost("the reply is too long")
            data = b"".join(chunks(lines)) if chunked else lines.read(size)
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                if lines.read(1) and not fault("any-length"):
                    raise Lost("something follows the reply")
        try:
            value = json.loads(data, object_pairs_hook=unique)
        except ValueError as error:
            raise Lost(f"no JSON: {error}") from error
        if status == 200:
            return value
        if status == 307:
            raise Lost("a redirect")
        code = {409: "ALREADY_EXISTS"}.get(status, value["code"])
        raise Failure(
            code if fault("code-by-status") else value["code"], value["detail"], value["details"]
        )

    def stream(self, lines: Any, event: OnEvent) -> None:
        rest = b""
        for chunk in chunks(lines):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                value = json.loads(line)
                if "event" in value:
                    event(value["event"])
                elif number := value["status"].get("code", 0):
                    status = value["status"]
                    code = CODES[number - 1] if number <= len(CODES) else ""
                    raise Failure(code, status["message"], status["details"])
                else:
                    return
        raise Lost("the stream has no end")


def chunks(lines: Any) -> Iterator[bytes]:
    while size := int(lines.readline().split()[0], 16):
        yield lines.read(size)
        lines.readline()


# ---- operations


class Session:
    """A plugin that is open."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.wire: Any = (Http if plugin.socket else Stdio)(plugin)
        self.open = False

    def call(self, method: str, request: Message, event: OnEvent = lambda _: None) -> Any:
        timeout = self.plugin.options.timeout
        if fault("no-deadline-of-a-stream") and method == "Apply":
            timeout = None
        if method == "CloseSession":
            timeout = FOREVER if fault("close-session-must-answer") else 1.0
        try:
            reply = self.wire.call(method, request, timeout, event)
        except (Failure, Lost):
            if not fault("tries-again") or method not in ("Read", "Apply"):
                raise
            reply = self.wire.call(method, request, timeout, event)
        if reply is not None and not isinstance(reply, dict):
            if not fault("takes-anything"):
                raise Lost("the reply is no message")
            reply = {}
        if fault("known-members-only") and set(reply or {}) & {"colour"}:
            raise Lost("an unknown member")
        return reply

    def start(self) -> None:
        if fault("opens-nothing"):
            return
        config = {} if fault("sends-no-config") else self.plugin.options.config
        request = {
            "host_version": "1", "protocol_versions": [1], "config": config,
            "required_capabilities": [],
        }  # fmt: skip
        try:
            reply = self.call("OpenSession", request)
        except Failure as error:
            if not fault("goes-on-after-a-refusal"):
                raise
            tell(f"{error}")
            reply = {"protocol_version": 1}
        if reply.get("protocol_version", 0) != 1 and not fault("any-protocol"):
            raise Lost(f"protocol {reply.get('protocol_version')}")
        self.open = True

    def close(self) -> None:
        if self.open and not fault("kills-at-once"):
            try:
                self.call("CloseSession", {})
            except (Failure, Lost):
                if fault("hangs-after-a-crash"):
                    hang()

    def read(self, manifest: Message) -> None:
        reply = self.call("Read", {"app": manifest["app"]})
        entries = reply["entries"] if fault("asks-for-members") else reply.get("entries", [])
        if not isinstance(entries, list):
            raise Lost("the reply is no message")
        for entry in entries:
            show(f"{entry['app']}.{entry['job']} {entry.get('command', '')}")

    def plan(self, manifest: Message) -> Message:
        jobs = []
        for job in manifest["jobs"]:
            desired = {"name": job["name"], "schedules": [job["schedule"]], "timezone": "UTC"}
            desired["request"] = {"method": "POST", **job["request"]}
            digest = hashlib.sha256(json.dumps(desired).encode()).hexdigest()[:16]
            jobs.append({"job": desired, "hashes": [] if fault("sends-no-hashes") else [digest]})
        try:
            reply: Message = self.call("Plan", {"app": manifest["app"], "jobs": jobs})
        except Failure:
            if fault("applies-anyway"):
                self.call("Apply", {"plan": {}})
            raise
        for op in reply["ops"]:
            show(f"{op['kind']} {op['job']}")
        return reply

    def apply(self, manifest: Message) -> None:
        plan = self.plan(manifest)
        seen: dict[int, str] = {}
        if fault("drops-the-digest"):
            plan = {**plan, "state_digest": ""}

        def take(event: Message) -> None:
            if fault("checks-no-events"):
                return
            index, kind = event.get("op_index", 0), event["kind"]
            if kind == "finished":
                seen[-1] = kind
                return
            ops = plan["ops"]
            if kind not in ("started", "done") or not 0 <= index < len(ops):
                raise Lost(f"an event of no op: {event}")
            if event.get("job") != ops[index]["job"] or seen.get(index) in (kind, "done"):
                raise Lost(f"an event out of order: {event}")
            seen[index] = kind

        try:
            self.call("Apply", {"plan": plan}, take)
        except Lost as error:
            if fault("a-lost-end-is-an-end"):
                return
            if fault("starts-again"):
                self.call("Plan", {"app": manifest["app"], "jobs": []})
            raise error
        except Failure:
            if fault("plans-again"):
                self.plan(manifest)
            if fault("an-error-is-an-end"):
                return
            raise
        finally:
            for index, op in enumerate(plan["ops"]):
                if not fault("names-nothing"):
                    tell(f"{op['job']}: {seen.get(index, 'not reported')}")
        left = [op["job"] for index, op in enumerate(plan["ops"]) if seen.get(index) != "done"]
        if (left or -1 not in seen) and not fault("checks-no-events"):
            raise Lost(f"the stream left out {left}")
        if fault("waits-after-the-end"):
            hang()


def parse_arguments() -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb")
    for name in ("manifest", "backend", "transport"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--backend-config", action="append", default=[])
    parser.add_argument("--backend-config-file", action="append", default=[])
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--handshake-timeout", dest="handshake", type=float, default=5.0)
    parser.add_argument("--log", action="store_true")
    options = parser.parse_args(sys.argv[2:])
    options.config = dict(word.split("=", 1) for word in options.backend_config)
    for word in options.backend_config_file:
        name, _, path = word.partition("=")
        options.config[name] = path if fault("sends-the-files-name") else Path(path).read_text()
        hidden.append(options.config[name])
    return options


def run(options: Any, stack: contextlib.ExitStack) -> None:
    manifest = json.loads(Path(options.manifest).read_text())
    path = find(options.backend)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise Lost(f"{path} cannot be run")
    name = os.path.basename(path).removeprefix(PREFIX)
    plugin = Plugin(options, admit(name, path, manifest.get("plugins", {}), stack), stack)
    try:
        plugin.handshake()
        session = Session(plugin)
        stack.callback(session.close)
        session.start()
        getattr(session, options.verb)(manifest)
    except Lost:
        plugin.ended(0.3)
        plugin.log.join(0.3)
        for line in () if fault("tells-no-last-words") else plugin.tail:
            tell(line)
        if fault("restarts") and "VERB" not in os.environ:
            stack.close()
            os.environ["VERB"] = "again"
            run(options, stack)
            return
        raise


def main() -> int:
    options = parse_arguments()

    def interrupted(_number: int, _frame: Any) -> None:
        if not fault("ignores-signals", "ignores-signals-and-waits"):
            raise Lost("interrupted")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    with contextlib.ExitStack() as stack:
        if fault("leaves-after-a-failure"):
            stack = contextlib.ExitStack()  # nobody closes it
        try:
            run(options, stack)
        except Failure as error:
            if fault("message-only"):
                tell(error.message)
            else:
                details = "" if fault("tells-no-details") else json.dumps(error.details)
                tell(f"{error.code}: {error.message} {details}"[: 1 << 20])
            return 1
        except Lost as error:
            tell(str(error))
            return 1
        stack.close()
    return 0


if __name__ == "__main__":
    try:
        status = main()
    except Exception as error:  # a bug of this host's is an error too
        tell(f"{type(error).__name__}: {error}")
        status = 1
    sys.stdout.flush()
    os._exit(status)
