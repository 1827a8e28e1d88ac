"""The handshake line of real plugins that get it wrong: a code for each way, and its bytes."""

import re
import time
from collections.abc import Callable

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, PluginError, RpcError
from transportlab.host import HostOptions, open_backend
from transportlab.registry import transport_names

SOCKETS = transport_names(EndpointKind.SOCKET)
HANG_GUARD = 30.0
PROCESS = [*SOCKETS, *transport_names(EndpointKind.STDIO)]

Make = Callable[[str], str]
Refusal = Callable[..., PluginError]

WAIT = "while read x; do :; done"  # to the end of stdin, as a plugin does

LINES = {
    "noise": ("echo 'Starting up...'", "E-HANDSHAKE-NOISE", "'Starting up...'"),
    "noise before the line": (
        "echo loading; echo CRONIX-PLUGIN-V1 stdio",
        "E-HANDSHAKE-NOISE",
        "'loading'",
    ),
    "another protocol's line": (
        "echo '1|1|unix|/tmp/plugin1|grpc'",
        "E-HANDSHAKE-NOISE",
        "'1|1|unix|/tmp/plugin1|grpc'",
    ),
    "an empty line": ("echo", "E-HANDSHAKE-EMPTY", "''"),
    "a blank line": ("printf ' \\r\\n'", "E-HANDSHAKE-EMPTY", r"' \r'"),
    "not UTF-8": (
        "printf 'CRONIX-PLUGIN-V1 \\377\\376\\n'",
        "E-HANDSHAKE-ENCODING",
        r"'CRONIX-PLUGIN-V1 \xff\xfe'",
    ),
    "a newer handshake": (
        "echo CRONIX-PLUGIN-V2 stdio",
        "E-HANDSHAKE-VERSION",
        "'CRONIX-PLUGIN-V2 stdio'",
    ),
    "no endpoint": ("echo CRONIX-PLUGIN-V1", "E-HANDSHAKE-WORDS", "'CRONIX-PLUGIN-V1'"),
    "tabs for spaces": (
        "printf 'CRONIX-PLUGIN-V1\\tstdio\\n'",
        "E-HANDSHAKE-WORDS",
        r"'CRONIX-PLUGIN-V1\tstdio'",
    ),
    "a word without a value": (
        "echo CRONIX-PLUGIN-V1 stdio name",
        "E-HANDSHAKE-WORDS",
        "'name', which is not key=value",
    ),
    "a line without end": (
        "head -c 5000 /dev/zero | tr '\\0' x",
        "E-HANDSHAKE-TOO-LONG",
        "'xxx",
    ),
    "stdout closed in the line": (
        "printf CRONIX-PLUG; exec >&-",
        "E-HANDSHAKE-TRUNCATED",
        "'CRONIX-PLUG'",
    ),
    "exit in the line": (
        "printf 'CRONIX-PLUGIN-V1 /tm'; exit 3",
        "E-HANDSHAKE-TRUNCATED",
        "'CRONIX-PLUGIN-V1 /tm'",
    ),
    "stdout closed": ("exec >&-", "E-HANDSHAKE-CLOSED", "closed stdout"),
    "exit": ("exit 0", "E-EXITED", "ended before its handshake"),
}


@pytest.mark.parametrize("case", LINES)
def test_what_is_no_handshake_line_has_a_code_and_its_bytes(
    plugin: Make, refusal: Refusal, case: str
) -> None:
    script, code, shown = LINES[case]
    transport = PROCESS[len(case) % len(PROCESS)]  # each way over one of them
    error = refusal(plugin(f"{script}; {WAIT}"), transport)
    assert error.code == code
    assert shown in error.problem
    assert error.name == "bad"
    assert error.path
    assert error.action


def test_a_truncated_line_is_told_with_how_the_plugin_ended(plugin: Make, refusal: Refusal) -> None:
    error = refusal(plugin("printf CRONIX; echo 'no space left' >&2; exit 3"), SOCKETS[0])
    assert (error.code, error.exit) == ("E-HANDSHAKE-TRUNCATED", "exit status 3")
    assert error.stderr == ("no space left",)


@pytest.mark.parametrize(
    ("said", "shown", "seconds"),
    [("", "nothing", 0.2), ("printf CRONIX-PLUG; ", "CRONIX-", 2.0)],  # time to say it
)
def test_a_line_that_does_not_come_ends_the_wait_at_its_bound(
    plugin: Make, refusal: Refusal, said: str, shown: str, seconds: float
) -> None:
    error = refusal(plugin(f"{said}{WAIT}"), SOCKETS[0], handshake=seconds)
    assert error.code == "E-HANDSHAKE-TIMEOUT"
    assert f"within {seconds:g} s" in error.problem
    assert shown in error.got


def test_a_line_of_4096_bytes_is_read_and_of_4097_is_not(plugin: Make, refusal: Refusal) -> None:
    def script(size: int) -> str:  # bytes with the LF
        head = len("CRONIX-PLUGIN-V1 nowhere x=")
        return f"printf 'CRONIX-PLUGIN-V1 nowhere x=%0{size - head - 1}d\\n' 0; {WAIT}"

    assert refusal(plugin(script(4096)), SOCKETS[0]).code == "E-ENDPOINT"
    assert refusal(plugin(script(4097)), SOCKETS[0]).code == "E-HANDSHAKE-TOO-LONG"


def test_the_wait_for_a_line_can_be_given_up(plugin: Make) -> None:
    given_up = Cancellation()
    options = HostOptions(
        handshake=2 * HANG_GUARD,
        stop=2.0,
        cancellation=given_up,
        on_log=lambda _: given_up.cancel(),
    )
    begin = time.monotonic()
    with pytest.raises(RpcError) as caught:
        open_backend(plugin(f"echo begun >&2; {WAIT}"), PROCESS[-1], options)
    assert caught.value.code is Code.CANCELLED
    assert time.monotonic() - begin < HANG_GUARD


def test_any_number_of_seconds_may_be_waited() -> None:
    with open_backend("echo", PROCESS[-1], HostOptions(handshake=1e300)) as session:
        assert session.info.plugin_name == "echo"


@pytest.mark.parametrize("transport", PROCESS[:1])
def test_unknown_keys_are_ignored(echo_with: Make, transport: str) -> None:
    code = """
made = sdk.handshake.format_line
def with_more(endpoint, **words):
    return made(endpoint, colour="red", **words, later="1=2")
sdk.handshake.format_line = with_more
"""
    with open_backend(echo_with(code), transport) as session:
        assert session.info.plugin_name == "echo"


def test_another_transport_is_told(plugin: Make, refusal: Refusal) -> None:
    error = refusal(plugin(f"echo CRONIX-PLUGIN-V1 stdio transport=pigeon; {WAIT}"), SOCKETS[0])
    assert (error.code, error.got) == ("E-TRANSPORT", "pigeon")
    assert error.action == "use --transport pigeon"


ENDPOINTS = {
    "127.0.0.1:99": "E-ENDPOINT-TCP",
    "[::1]:8080": "E-ENDPOINT-TCP",
    ":8080": "E-ENDPOINT-TCP",
    "localhost:80": "E-ENDPOINT-TCP",
    "tcp://127.0.0.1:1234": "E-ENDPOINT-TCP",
    "http://localhost:80/": "E-ENDPOINT-TCP",
    "/tmp/elsewhere": "E-ENDPOINT-OUTSIDE",
    "/": "E-ENDPOINT-OUTSIDE",
    "${CRONIX_PLUGIN_SOCKET%/*}/../s": "E-ENDPOINT-OUTSIDE",
    "${CRONIX_PLUGIN_SOCKET%/*}": "E-ENDPOINT-OUTSIDE",
    "${CRONIX_PLUGIN_SOCKET}2": "E-ENDPOINT",
    "${CRONIX_PLUGIN_SOCKET%/*}/./s": "E-ENDPOINT",
    "stdio": "E-ENDPOINT",
    "s": "E-ENDPOINT",
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_another_endpoint_than_the_hosts_is_told_with_both(
    plugin: Make, refusal: Refusal, endpoint: str
) -> None:
    error = refusal(plugin(f'echo "CRONIX-PLUGIN-V1 {endpoint}"; {WAIT}'), SOCKETS[0])
    assert error.code == ENDPOINTS[endpoint]
    assert re.search(r"/cronix-run-[a-z0-9_]{8}/s\Z", error.expected)
    assert error.got
    assert error.got != error.expected


def test_a_path_where_stdio_was_asked_for_is_told(plugin: Make, refusal: Refusal) -> None:
    error = refusal(plugin(f"echo CRONIX-PLUGIN-V1 /tmp/s; {WAIT}"), PROCESS[-1])
    assert (error.code, error.expected, error.got) == ("E-ENDPOINT", "stdio", "/tmp/s")


TWICE = """
ready = sdk.ProcessLife.ready
def twice(life):
    life._line += "\\n" + life._line  # in one write: else the first call may come in between
    ready(life)
sdk.ProcessLife.ready = twice
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_line_that_comes_twice_is_told(echo_with: Make, refusal: Refusal, transport: str) -> None:
    error = refusal(echo_with(TWICE), transport)
    assert error.code == "E-HANDSHAKE-TWICE"
    assert "a second handshake line: 'CRONIX-PLUGIN-V1 " in error.problem


LATE = """
ready, session = sdk.ProcessLife.ready, sdk.PluginSession
def remember(life):
    global known
    ready(known := life)
class Restarted(session):
    def read(self, request, context):
        if request.app == "again":
            known.ready()
            os._exit(3)
        return super().read(request, context)
sdk.ProcessLife.ready, sdk.PluginSession = remember, Restarted
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_line_that_comes_again_later_is_told_by_the_call_that_fails(
    echo_with: Make, transport: str
) -> None:
    with open_backend(echo_with(LATE), transport, HostOptions(stop=2.0)) as session:
        session.backend.read(model.ReadRequest(), Context(timeout=30))
        with pytest.raises(PluginError) as caught:
            session.backend.read(model.ReadRequest("again"), Context(timeout=30))
    assert caught.value.code == "E-HANDSHAKE-TWICE"
    assert caught.value.exit == "exit status 3"
