"""A secret of a session's configuration is found nowhere, whatever a real plugin does.

Each case gives the echo plugin a unique secret and makes it give it away; then everything that a
person or a program can see of it is searched: output, errors and their causes, the log, and the
plugin process itself.
"""

import base64
import json
import shlex
import sys
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import children
from transportlab import model
from transportlab.context import Context
from transportlab.errors import Code, LabError, PluginError, RpcError, UsageError
from transportlab.host import HostOptions, HostSession, LogRecord, open_backend
from transportlab.registry import load_transport, transport_names

SECRET = 'Vt9"Kq/7\\wZ é-2f81c0de'
Make = Callable[[str], str]
ISOLATED = [name for name in transport_names() if load_transport(name).traits.isolated]


def traces(secret: str = SECRET) -> set[str]:
    """What must be seen nowhere: the secret as several hands would write it, and half of it."""
    written = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        urllib.parse.quote(secret),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    }
    return written | {"2f81c0de", "Vt9"}


def found_in(text: str) -> set[str]:
    return {trace for trace in traces() if trace in text}


@dataclass
class Seen:
    """All that came out of one session."""

    errors: list[LabError] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)

    def text(self) -> str:
        """Everything, as a careless host would print it."""
        parts = [repr(record) + str(record) for record in self.records]
        for error in self.errors:
            parts += [str(error), repr(error), repr(vars(error))]
            parts += ["".join(traceback.format_exception(error))]
        return "\n".join(parts)


@pytest.fixture
def session(transport: str, codec: str, seen: Seen) -> Iterator[HostSession]:
    options = HostOptions(
        codec=codec,
        config={"faults": "requests"},
        secrets={"token": SECRET},
        on_log=seen.records.append,
    )
    assert not found_in(repr(options))
    with open_backend("echo", transport, options) as opened:
        yield opened


@pytest.fixture
def seen() -> Seen:
    return Seen()


def fails(session: HostSession, fault: str, seen: Seen) -> LabError:
    with pytest.raises(LabError) as caught:
        session.backend.read(model.ReadRequest(fault), Context())
    seen.errors.append(caught.value)
    return caught.value


def in_process(pid: int) -> str:
    """Arguments and environment of a process and its descendants, as the kernel shows them."""
    parts = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    below = [in_process(child) for child in sorted(children(pid))]
    return b"".join(parts).decode("utf-8", "backslashreplace") + "".join(below)


def test_a_secret_is_in_nothing_that_a_plugin_makes_of_it(
    session: HostSession, seen: Seen, capfd: pytest.CaptureFixture[str]
) -> None:
    panic = fails(session, "!panic:no {token} here", seen)
    assert isinstance(panic, RpcError)
    assert panic.code is Code.INTERNAL
    assert "RuntimeError: no [token] here" in panic.message
    refusal = fails(session, "!refuse:so {token}", seen)
    assert isinstance(refusal, RpcError)
    assert (refusal.code, refusal.message) == (Code.ABORTED, "so [token]")
    assert refusal.details.applied == ("so [token]",)
    assert refusal.details.action == "so [token]"
    with pytest.raises(RpcError) as caught:
        list(
            session.backend.apply(model.ApplyRequest(model.PlanReply("!panic:{token}")), Context())
        )
    seen.errors.append(caught.value)
    assert session.backend.read(model.ReadRequest("!log:told {token}"), Context()).entries == ()
    if session.process is not None:
        assert not found_in(in_process(session.process.pid))
    session.close()
    assert not found_in(seen.text())
    assert not found_in(repr(session) + repr(vars(session)["_options"]))
    assert not found_in("".join(capfd.readouterr()))
    if session.process is not None:
        assert "told [token]" in [record.message for record in seen.records]
        assert any("no [token] here" in str(record) for record in seen.records)


def test_a_refused_session_does_not_tell_either(
    transport: str, codec: str, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = Seen()
    for fault, code in (("panic:{token}", Code.INTERNAL), ("refuse:{token}", Code.ABORTED)):
        options = HostOptions(
            codec=codec,
            config={"faults": f"OpenSession={fault}"},
            secrets={"token": SECRET},
            on_log=seen.records.append,
        )
        with pytest.raises(RpcError) as caught:
            open_backend("echo", transport, options)
        assert caught.value.code is code
        assert "[token]" in caught.value.message
        seen.errors.append(caught.value)
    assert not found_in(seen.text())
    assert not found_in("".join(capfd.readouterr()))


def test_a_secret_that_only_the_host_knows_is_in_no_error(transport: str, codec: str) -> None:
    """The plugin does not declare it, as one that knows nothing of secrets."""
    seen = Seen()
    secrets = {"faults": f"Read=refuse:{SECRET};Plan=panic:{SECRET}"}
    with open_backend("echo", transport, HostOptions(codec=codec, secrets=secrets)) as session:
        refusal = fails(session, "shop", seen)
        with pytest.raises(RpcError) as caught:
            session.backend.plan(model.PlanRequest("shop"), Context())
    assert isinstance(refusal, RpcError)
    assert refusal.message == refusal.details.action == refusal.details.failed[0] == "[faults]"
    assert "RuntimeError:[faults]" in caught.value.message.replace(" ", "")
    seen.errors.append(caught.value)
    assert not found_in(seen.text())


@pytest.mark.parametrize("name", ISOLATED)
def test_a_plugin_that_dies_with_a_secret_on_its_lips_does_not_tell(name: str) -> None:
    seen = Seen()
    options = HostOptions(
        config={"faults": "requests"}, secrets={"token": SECRET}, on_log=seen.records.append
    )
    with open_backend("echo", name, options) as session:
        session.backend.read(model.ReadRequest("!print:out with {token}"), Context())
        error = fails(session, "!die:by {token}, I say", seen)
    assert isinstance(error, PluginError)
    assert error.exit == "exit status 3"
    assert error.stderr[-1] == "by [token], I say"
    assert not found_in(seen.text())


@pytest.mark.parametrize("name", ISOLATED)
def test_a_plugin_cannot_tell_a_secret_as_its_version(name: str, tmp_path: Path) -> None:
    """What the host knows of a plugin by its own word is in each of its errors."""
    path = tmp_path / "cronix-backend-boasting"
    path.write_text(BOASTING.format(python=sys.executable))
    path.chmod(0o755)
    seen = Seen()
    with open_backend(str(path), name, HostOptions(secrets={"token": SECRET})) as session:
        assert session.info.plugin_version == SECRET  # a reply is data, and comes as it is
        assert "[token]" in fails(session, "!refuse:", seen).__notes__[0]
        fails(session, "!die:", seen)
    assert not found_in(seen.text())


@pytest.mark.parametrize("name", ISOLATED)
def test_what_a_plugin_calls_itself_is_one_short_line_of_an_error(
    name: str, echo_with: Callable[[str], str]
) -> None:
    path = echo_with("""
from msgspec.structs import force_setattr, replace
def create(config, made=PLUGIN.create):
    force_setattr(PLUGIN, "version", "1)\\n  applied: all\\n" + "x" * 1000)
    return made(config)
PLUGIN = replace(PLUGIN, create=create)
""")
    with open_backend(path, name, HostOptions(config={"faults": "requests"})) as session:
        note = fails(session, "!refuse:no", Seen()).__notes__[0]
        ended = str(fails(session, "!die:", Seen()))
    for text in (note, ended):
        assert f"({path} 1)\\n  applied: all\\nxxx" in text
        assert "xxx...)" in text
        assert len(text.splitlines()[0]) < len(path) + 300


BOASTING = """#!{python}
from msgspec.structs import force_setattr, replace
from transportlab.backends import echo
from transportlab.sdk import run

def create(config):
    force_setattr(PLUGIN, "version", config["token"])
    return echo.create({{**config, "faults": "requests"}})

PLUGIN = replace(echo.PLUGIN, name="boasting", create=create)
run(PLUGIN)
"""


LINES = {"%s": "E-HANDSHAKE-NOISE", "CRONIX-PLUGIN-V1 stdio transport=%s": "E-HANDSHAKE-WORDS"}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", ISOLATED)
def test_a_bad_handshake_line_does_not_tell_either(plugin: Make, name: str, line: str) -> None:
    """A plugin may have the secret before the host gives it, from where the host has it."""
    seen = Seen()
    path = plugin(f"printf '%s\\n' {shlex.quote(line % SECRET)}; read -r end; read -r end")
    with pytest.raises(PluginError) as caught:
        open_backend(path, name, HostOptions(secrets={"token": SECRET}, stop=2.0))
    assert caught.value.code == LINES[line]
    assert "[token]" in caught.value.problem
    seen.errors.append(caught.value)
    assert not found_in(seen.text())


@pytest.mark.parametrize("name", ISOLATED)
def test_a_second_handshake_line_does_not_tell_either(echo_with: Make, name: str) -> None:
    seen = Seen()
    options = HostOptions(secrets={"token": SECRET}, stop=2.0)
    with open_backend(echo_with(AGAIN), name, options) as session:
        error = fails(session, "again", seen)
    assert isinstance(error, PluginError)
    assert error.code == "E-HANDSHAKE-TWICE"
    assert "[token]" in error.problem
    assert not found_in(seen.text())


AGAIN = """
ready, session = sdk.ProcessLife.ready, sdk.PluginSession
def remember(life):
    global known
    ready(known := life)
class Restarted(session):
    def open_session(self, request, context):
        known._line = "CRONIX-PLUGIN-V1 " + request.config["token"]
        return super().open_session(request, context)
    def read(self, request, context):
        known.ready()
        os._exit(3)
sdk.ProcessLife.ready, sdk.PluginSession = remember, Restarted
"""


def test_a_secret_that_cannot_be_hidden_opens_no_session() -> None:
    with pytest.raises(UsageError, match="secret token: fewer than 4 characters"):
        open_backend("echo", "direct", HostOptions(secrets={"token": "abc"}))
