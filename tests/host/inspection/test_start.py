"""How far a start comes, and what stops it: each with a real plugin that fails at that step."""

from collections.abc import Callable

import pytest

from transportlab.channel import EndpointKind
from transportlab.host.inspection.check import Check, Status
from transportlab.host.inspection.diagnose import Diagnosis
from transportlab.registry import transport_names

SOCKET = transport_names(EndpointKind.SOCKET)[0]

Make = Callable[[str], str]
Failing = Callable[..., dict[str, Check]]


def test_a_plugin_that_only_wants_to_be_configured_starts(
    diagnosed: Callable[..., Diagnosis],
) -> None:
    found = diagnosed("crontab")
    assert found.starts
    answer = found.checks[-1].found
    assert answer.startswith("it wants to be configured: INVALID_ARGUMENT: config/path")


def test_exiting_at_once_is_told_with_status_and_stderr(plugin: Make, failing: Failing) -> None:
    found = failing(plugin("echo 'no licence' >&2; exit 3"), "handshake")
    assert found["handshake"].lines == ("no licence",)
    assert "it ended with exit status 3" in found["handshake"].found
    assert found["handshake"].action == "see its stderr above, or run it by hand"
    assert found["start"].status is Status.OK
    assert found["session"].status is Status.NOT_REACHED


def test_a_signal_is_told_by_its_name(plugin: Make, failing: Failing) -> None:
    found = failing(plugin("kill -SEGV $$"), "handshake")
    assert "it ended with signal SIGSEGV" in found["handshake"].found
    assert found["handshake"].action == "run it by hand"


@pytest.mark.parametrize("line", ["hello", "CRONIX-PLUGIN-V2 stdio", "CRONIX-PLUGIN-V1 [::]:99"])
def test_a_wrong_line_fails_the_handshake(plugin: Make, failing: Failing, line: str) -> None:
    found = failing(plugin(f"echo '{line}'; exec sleep 60"), "handshake")
    assert line.rpartition(" ")[2] in found["handshake"].found


def test_a_plugin_that_says_nothing_is_not_asked_again_over_another_transport(
    plugin: Make, diagnosed: Callable[..., Diagnosis]
) -> None:
    found = diagnosed(plugin("exec sleep 60"), None, handshake=0.2, stop=0.5)
    assert found.cause is not None
    assert "E-HANDSHAKE-TIMEOUT" in found.cause.found
    assert found.refused == {}


def test_nobody_at_the_socket_fails_the_connection(plugin: Make, failing: Failing) -> None:
    path = plugin("echo CRONIX-PLUGIN-V1 $CRONIX_PLUGIN_SOCKET; exec sleep 60")
    found = failing(path, "connection", transport=SOCKET)
    assert found["handshake"].status is Status.OK


def test_another_version_of_the_protocol_fails_the_session(
    echo_with: Make, failing: Failing
) -> None:
    code = "from transportlab.sdk import session\nsession.PROTOCOL_VERSIONS = (7,)"
    found = failing(echo_with(code), "session")["session"]
    ours = "this host speaks {1}; expected {1}, got {7}"
    assert found.found == f"E-PROTO-MISMATCH: speaks protocol {{7}}; {ours}"
    assert "use a host that speaks 7" in found.action


def test_an_answer_that_is_an_error_fails_the_session(echo_with: Make, failing: Failing) -> None:
    code = """
from transportlab.errors import Code, RpcError
from transportlab.model import ErrorDetails
from msgspec.structs import replace
def create(config):
    raise RpcError(Code.UNAVAILABLE, "no scheduler here", ErrorDetails(action="start crond"))
PLUGIN = replace(PLUGIN, create=create)
"""
    found = failing(echo_with(code), "session")["session"]
    assert (found.found, found.action) == ("UNAVAILABLE: no scheduler here", "start crond")
