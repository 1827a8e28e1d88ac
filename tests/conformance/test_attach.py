"""Attaching: a plugin that a person starts as told is tested, with no bound on a breakpoint."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command import Run
from transportlab.channel import EndpointKind, SocketEndpoint
from transportlab.conformance.attach import (
    ENDED,
    OWN,
    PATIENCE,
    STARTS,
    Attachment,
    Author,
    attach,
    attachable,
    needs_its_own,
)
from transportlab.conformance.result import Outcome, Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import load_vectors, select
from transportlab.errors import UsageError
from transportlab.handshake import MAGIC
from transportlab.registry import load_transport, transport_names

SOCKETS = transport_names(EndpointKind.SOCKET)
[STDIO] = transport_names(EndpointKind.STDIO)
OTHERS = sorted(set(transport_names()) - set(SOCKETS) - {STDIO})
HANG_GUARD = 30.0

PLUGIN = """
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run
run(PLUGIN)
"""

SLOW = """
import time
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run
from transportlab.sdk.session import PluginSession

read = PluginSession.read

def at_a_breakpoint(self, *arguments):
    time.sleep(0.4)
    return read(self, *arguments)

PluginSession.read = at_a_breakpoint
run(PLUGIN)
"""

ENDS = """
import os
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run
from transportlab.sdk.session import PluginSession
PluginSession.read = lambda *_: os._exit(3)
run(PLUGIN)
"""


class Person:
    """Does what a person does: starts the plugin as told, and pastes its line.

    before: lines that are pasted first. status: how the plugin has ended.
    """

    def __init__(self, plugin: str, *before: bytes) -> None:
        self.plugin = plugin
        self.told: list[str] = []
        self._before = before
        self._process: subprocess.Popen[bytes] | None = None

    def tell(self, text: str) -> None:
        self.told.append(text)

    def lines(self) -> Iterator[bytes]:
        yield from self._before
        [command] = re.findall(r"^(  export .*?^  \S+ < \S+)$", self.told[0], re.M | re.S)
        start = command.replace(f"  {self.plugin} <", f"  exec {self.plugin} <")
        self._process = subprocess.Popen(["sh", "-c", start], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        yield self._process.stdout.readline()

    @property
    def status(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout:
            return self._process.wait(HANG_GUARD)


def run_attached(author: Person, transport: str, *names: str, timeout: float = 10) -> list[Outcome]:
    """The outcomes of these vectors, on the plugin that the author starts."""
    vectors = select(load_vectors(), ids=names)
    wanted, codec = attachable([transport], None)
    options = Options(codec, timeout)
    told = Author(author.plugin, author.tell, author.lines())
    with attach(wanted, codec, vectors, told) as attachment:
        subject = Subject(
            author.plugin, {}, frozenset(), faulty="", reference=False,
            attached=attachment, patience=PATIENCE,
        )  # fmt: skip
        [arm] = run_matrix([transport], vectors, subject, options).arms
    return arm.outcomes


Script = Callable[[str], str]


@pytest.mark.parametrize("transport", SOCKETS)
def test_vectors_share_the_one_session(transport: str, script: Script) -> None:
    author = Person(script(PLUGIN))
    names = ["session-opens-once", "read-gives-what-was-applied", "plan-orders-its-ops"]
    refused = ["session-opens", "session-closed-stays-closed", "stdin-end-is-the-end"]
    outcomes = run_attached(author, transport, *names, *refused)
    found = {outcome.vector.id: outcome for outcome in outcomes}
    assert [found[name].status for name in names] == [Status.PASS] * len(names)
    assert [found[name].reason for name in refused] == [OWN, OWN, STARTS]
    assert {found[name].status for name in refused} == {Status.NOT_RUN}
    assert author.status == 0


@pytest.mark.parametrize("name", ["session-opens", "session-closed-stays-closed"])
def test_a_vector_that_is_chosen_alone_has_the_process_for_itself(
    name: str, script: Script
) -> None:
    author = Person(script(PLUGIN))
    [outcome] = run_attached(author, SOCKETS[0], name)
    assert outcome.status is Status.PASS, outcome
    assert author.status == 0


def test_vectors_of_bytes_take_part(script: Script) -> None:
    [vector, *_] = [v for v in load_vectors() if v.transport == SOCKETS[-1] and v.shares]
    author = Person(script(PLUGIN))
    outcomes = run_attached(author, SOCKETS[-1], vector.id, "read-empty")
    assert [outcome.status for outcome in outcomes] == [Status.PASS] * 2
    assert author.status == 0


def test_nobody_at_a_breakpoint_is_hit_by_a_bound(script: Script) -> None:
    author = Person(script(SLOW))
    [outcome] = run_attached(author, SOCKETS[0], "read-empty", timeout=0.1)
    assert outcome.status is Status.PASS, outcome
    assert outcome.seconds > 0.3
    assert author.status == 0


def test_once_the_plugin_has_ended_the_rest_is_not_run(script: Script) -> None:
    author = Person(script(ENDS))
    first, *rest = run_attached(author, SOCKETS[0], "read-empty", "read-one-app-only")
    assert first.status is Status.FAIL
    assert [(each.status, each.reason) for each in rest] == [(Status.NOT_RUN, ENDED)]
    assert author.status == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"Listening on port 1234\n", "not a handshake but this"),
        (f"{MAGIC} /tmp/elsewhere/s\n".encode(), "expected the endpoint /"),
        (f"{MAGIC} /tmp/s transport=pigeon\n".encode(), 'got one on "pigeon"'),
    ],
)
def test_a_line_that_does_not_fit_is_told_and_another_one_taken(
    line: bytes, said: str, script: Script
) -> None:
    author = Person(script(PLUGIN), b"\n", line)
    [outcome] = run_attached(author, SOCKETS[0], "read-empty")
    assert outcome.status is Status.PASS
    assert said in author.told[1]
    assert author.status == 0


def test_without_a_line_nothing_is_left_behind() -> None:
    transport = load_transport(SOCKETS[0])
    told: list[str] = []
    with (
        pytest.raises(UsageError, match="no handshake line of the plugin has come"),
        attach(transport, "json", load_vectors(), Author("./mine", told.append, [])),
    ):
        pass
    [path] = re.findall(r"< (\S+)/stdin$", told[0], re.M)[:1]
    assert not Path(path).exists()


def test_what_is_told_has_no_secret_in_it() -> None:
    told: list[str] = []

    def lines() -> Iterator[bytes]:
        [pipe] = set(re.findall(r"\./mine < (\S+)$", told[0], re.M))
        assert os.stat(pipe).st_mode & 0o777 == 0o600
        with open(pipe, "rb") as file:
            secret = file.readline().strip().decode()
        assert len(secret) == 64
        assert secret not in told[0]
        yield b""

    transport = load_transport(SOCKETS[0])
    with (
        suppress(UsageError),
        attach(transport, "json", [], Author("./mine", told.append, lines())),
    ):
        pass
    assert told


def test_most_vectors_do_not_need_a_process_of_their_own() -> None:
    mine = [v for v in load_vectors() if not v.needs.features and not v.transport]
    assert sum(map(needs_its_own, mine)) < len(mine) / 3


def test_a_dead_socket_is_noticed(tmp_path: Path) -> None:
    attachment = Attachment(SocketEndpoint(str(tmp_path / "s")), own=False)
    attachment.look()
    [vector] = select(load_vectors(), ids=["read-empty"])
    assert attachment.refuses(vector) == ENDED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the transport"),
        (["--transport", STDIO], "exec node --inspect-brk plugin.js), and --patience 3600"),
        (["--transport", OTHERS[0]], "start the suite under the debugger"),
        (["--transport", SOCKETS[0], "--codec", "xml"], 'has no codec "xml"'),
        (["--transport", SOCKETS[0]], "stdin has ended"),
        (["--transport", SOCKETS[0], "--badge", "b.svg"], "cannot be held to all vectors"),
    ],
)
def test_the_command_says_what_to_do_instead(run: Run, words: list[str], said: str) -> None:
    done = run("conformance", "--attach", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_the_command_names_the_plugin_and_takes_the_line(script: Script, tmp_path: Path) -> None:
    plugin = script(PLUGIN)
    command = [sys.executable, "-m", "transportlab", "conformance", "--attach"]
    words = ["--transport", SOCKETS[0], "--plugin", plugin, "--vector", "read-empty"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, *words], stdin=pipe, stdout=pipe, stderr=pipe) as suite:
        assert suite.stdin is not None
        assert suite.stderr is not None
        author = Person(plugin)
        author.tell(_until(suite.stderr.readline, "paste the line"))
        suite.stdin.write(next(author.lines()))
        out, err = suite.communicate(timeout=HANG_GUARD)
    assert suite.returncode == 0, err.decode()
    assert out.decode().endswith("OK: 1 vector\n")
    assert author.status == 0


def _until(readline: Callable[[], bytes], words: str) -> str:
    """What is read up to the line with these words."""
    text = ""
    while words not in text:
        line = readline().decode()
        assert line, text
        text += line
    return text
