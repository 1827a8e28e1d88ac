"""spec/PROTOCOL.md and the code name the same clauses, and the document's data are the code's."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields, replace

from transportlab import model
from transportlab.backend import CAPABILITIES
from transportlab.backends.echo import PLUGIN
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.errors import MAX_CALLS, MAX_MESSAGE_BYTES, MAX_TEXT, Code, RpcError
from transportlab.handshake import MAX_LINE
from transportlab.host import HostOptions
from transportlab.host.launch import MAX_SOCKET_PATH
from transportlab.host.logs import LINE_BYTES
from transportlab.host.spawn import ALLOWED, ENV_ALLOW
from transportlab.methods import METHODS, SERVICE
from transportlab.sdk.program import ENV_CODEC, ENV_SOCKET, ENV_TRANSPORT, handshake_line
from transportlab.sdk.session import PluginSession
from transports.ffi._abi import ffi
from transports.grpc.wire import MAX_GRPC_MESSAGE
from transports.http.wire import FRAMINGS, STATUSES
from transports.jsonrpc.messages import cancel_line, request_line
from transports.jsonrpc.wire import from_wire, to_wire

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "spec" / "PROTOCOL.md").read_text()
FOLDERS = ("transportlab", "transports", "plugins", "tests", "bench", "spec", "docs")
SUFFIXES = (".py", ".h", ".c", ".proto", ".md", ".yaml", ".json", ".toml")

IDS = re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", TEXT)
GROUPS = {clause.rpartition("-")[0] for clause in IDS}
MENTION = re.compile(r"(?<![A-Za-z0-9-])P-[A-Z]+(?:-\d+)?(?![A-Za-z0-9])")

USUAL = {field.name: field.default for field in fields(HostOptions)}
"""A host's bounds; a session has wider ones in tests (conftest.py)."""

ECHO = replace(PLUGIN, version="0.1.0")
READ = load_codec("json").encode(model.ReadRequest("billing"))
READ_PROTOBUF = load_codec("protobuf").encode(model.ReadRequest("billing"))
FINISHED = model.ApplyEvent(model.ApplyEventKind.FINISHED, counts=model.Counts())


def files() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in SUFFIXES and path.is_file()
    ]


def clause(name: str) -> str:
    """The text of a clause, its table and example included."""
    after = TEXT.split(f"**{name}** ")[1]
    return re.split(r"^- \*\*P-|^## ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a text's tables, without the lines below their heads."""
    lines = [line.strip() for line in text.splitlines()]
    cells = [[c.strip() for c in line[1:-1].split("|")] for line in lines if line[:1] == "|"]
    return [row for row in cells if row[0] != "---"]


def spaced(data: bytes) -> str:
    return data.hex(" ")


def test_each_clause_has_an_id_of_its_own() -> None:
    assert len(IDS) > 50
    assert [name for name, count in Counter(IDS).items() if count > 1] == []


def test_the_ids_of_a_group_count_up_from_one() -> None:
    for group in GROUPS:
        numbers = [int(name.rpartition("-")[2]) for name in IDS if name.startswith(f"{group}-")]
        assert numbers == list(range(1, len(numbers) + 1)), group


def test_each_clause_that_a_file_names_exists() -> None:
    known = {*IDS, *GROUPS}
    unknown = {path: set(MENTION.findall(path.read_text())) - known for path in files()}
    assert {path: names for path, names in unknown.items() if names} == {}


def test_each_group_is_named_in_the_code() -> None:
    code = "".join(path.read_text() for path in files() if path.suffix in (".py", ".h"))
    named = {re.sub(r"-\d+\Z", "", name) for name in MENTION.findall(code)}
    assert named >= GROUPS


def test_the_error_table_is_the_codes_own() -> None:
    [head, *table] = [row for row in rows(clause("P-ERR-2")) if len(row) == 5]
    assert head == ["code", "gRPC", "JSON-RPC", "HTTP", "FFI"]
    assert table == [
        [
            code.name,
            str(int(code)),
            str(to_wire(RpcError(code, ""))["code"]),
            str(STATUSES[code]),
            str(ffi.integer_const(f"CRONIX_{code.name}")),
        ]
        for code in Code
    ]


def test_json_rpcs_own_errors_become_what_the_document_says() -> None:
    [_, *table] = rows(clause("P-JSONRPC-6"))
    assert len(table) == 5
    for number, _, becomes in table:
        error = from_wire("Read", int(number), "text", None)
        wanted = "UNIMPLEMENTED" if becomes == "P-RPC-2" else becomes
        assert error.code.name == wanted


def test_each_reason_word_of_the_document_is_in_the_code() -> None:
    [_, *table] = [row for row in rows(clause("P-ERR-2")) if len(row) == 3]
    assert {code for _, code, _ in table} <= set(Code.__members__)
    words = {word for reasons, _, _ in table for word in reasons.split(", ")}
    code = "".join(path.read_text() for path in ROOT.glob("transport*/**/*.py"))
    session = {word for word in words if word.startswith("SESSION_")}
    assert {word for word in words - session if f'"{word}"' not in code} == set()
    assert session == {"SESSION_NOT_OPEN", "SESSION_OPEN", "SESSION_CLOSED"}


def test_calls_out_of_order_have_the_reasons_of_the_document() -> None:
    session, opening = PluginSession(PLUGIN), model.OpenSessionRequest("1", (1,))
    reasons = []

    def refused(call: Callable[[Any, Context], object], request: object) -> None:
        with pytest.raises(RpcError) as caught:
            call(request, Context())
        reasons.append(caught.value.details.reason)

    refused(session.read, model.ReadRequest())
    session.open_session(opening, Context())
    refused(session.open_session, opening)
    session.close_session(model.CloseSessionRequest(), Context())
    refused(session.read, model.ReadRequest())
    assert reasons == ["SESSION_NOT_OPEN", "SESSION_OPEN", "SESSION_CLOSED"]


def test_the_table_of_rpcs_is_the_contracts() -> None:
    assert f"`{SERVICE}`" in clause("P-RPC-1")
    [_, *table] = rows(clause("P-RPC-1"))
    assert table == [
        [
            method.name,
            "yes" if method.writes else "",
            method.request.__name__,
            ("stream of " if method.streams else "") + method.reply.__name__,
        ]
        for method in METHODS.values()
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("P-START-2", [*ALLOWED, ENV_ALLOW]),
        ("P-START-3", [ENV_TRANSPORT, ENV_CODEC, ENV_SOCKET]),
        ("P-HANDSHAKE-1", [handshake_line(ECHO.name, ECHO.version, "jsonrpc", "json", "stdio")]),
        ("P-HANDSHAKE-2", [MAX_LINE]),
        ("P-HANDSHAKE-3", [f"{USUAL['handshake']:g} s"]),
        ("P-HANDSHAKE-4", [MAX_SOCKET_PATH]),
        ("P-SESSION-3", [f"`{name}`" for name in CAPABILITIES]),
        ("P-CODEC-1", [READ.decode(), spaced(READ_PROTOBUF)]),
        ("P-LIMIT-1", [MAX_MESSAGE_BYTES]),
        ("P-LIMIT-2", [MAX_CALLS]),
        ("P-ERR-3", [MAX_TEXT]),
        ("P-GRPC-3", [MAX_GRPC_MESSAGE]),
        ("P-GRPC-1", [spaced(b"\0" + len(READ_PROTOBUF).to_bytes(4, "big") + READ_PROTOBUF)]),
        ("P-JSONRPC-2", [request_line("Read", 2, READ, 5.0).decode().strip()]),
        ("P-JSONRPC-4", [cancel_line(4).decode().strip()]),
        ("P-HTTP-1", [READ.decode(), f"Content-Length: {len(READ)}"]),
        (
            "P-HTTP-4",
            [
                FRAMINGS["json"].done.decode().strip(),
                spaced(FRAMINGS["protobuf"].event(load_codec("protobuf").encode(FINISHED))),
                spaced(FRAMINGS["protobuf"].done),
                *(framing.content_type for framing in FRAMINGS.values()),
            ],
        ),
        (
            "P-FFI-9",
            [
                f"struct_size = {ffi.sizeof('cronix_call')}",
                handshake_line(ECHO.name, ECHO.version, "ffi", "protobuf,json", "library")
                + " abi=1",
                spaced(READ_PROTOBUF),
            ],
        ),
        ("P-STOP-1", [f"{USUAL['close']:g} s", f"{USUAL['stop']:g} s"]),
        ("P-LOG-1", [LINE_BYTES]),
    ],
)
def test_numbers_words_and_examples_are_the_codes_own(name: str, values: list[object]) -> None:
    text = clause(name)
    assert [value for value in values if str(value) not in text] == []
