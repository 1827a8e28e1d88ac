"""The targets of bench/fuzz.py: each parser of a plugin's bytes, its promise, inputs of its shape.

A check takes any bytes. If a promise is broken it raises AssertionError, or whatever the parser
should not have raised. The promises: all bytes are accepted, there is one kind of error, no text
moves a terminal's cursor, no text shows the secret.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from transportlab import model
from transportlab.codecs import DecodeError, load_codec
from transportlab.errors import MAX_TEXT, LabError, ProtocolViolation, RpcError
from transportlab.handshake import MAGIC, HandshakeError, parse, second_handshake
from transportlab.host.inspection.elf import ElfError
from transportlab.host.inspection.elf import parse as parse_elf
from transportlab.host.inspection.script import first_line
from transportlab.host.logs import LINE_BYTES, LogRecord
from transportlab.host.logs import parse as parse_log
from transportlab.host.pipes import Tail
from transportlab.methods import METHODS
from transportlab.redact import Redactor
from transports.http.replies import EVENTS, read_problem
from transports.jsonrpc.messages import parse as parse_message
from transports.jsonrpc.messages import parse_reply, reply_decoder
from transports.jsonrpc.wire import LineReader, Oversized, from_wire

SECRET = 'hunter22/"\\é'
HIDING = Redactor({"key": SECRET})
TRACES = (SECRET, json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1])
REPLIES: tuple[Any, ...] = (model.Status, *{method.reply for method in METHODS.values()})
CODECS = tuple(load_codec(name) for name in ("json", "protobuf"))


def handshake(data: bytes) -> None:
    """A line is a Handshake that is the same when written and read again, or a HandshakeError."""
    with suppress(LabError):
        if (second := second_handshake(data)) is not None:
            raise second
    try:
        found = parse(data)
    except HandshakeError as error:
        _told(error)
        return
    words = [f"{key}={value}" for key, value in found.words.items()]
    # With the CR that parse() takes off: a word may end with a CR of its own.
    assert parse(" ".join([MAGIC, found.endpoint, *words]).encode() + b"\r") == found


def _told(error: HandshakeError) -> None:
    assert error.code.startswith("E-HANDSHAKE-")
    assert str(error).isprintable()
    assert len(str(error)) < MAX_TEXT


def log(data: bytes) -> None:
    """A line is a record: printable, with numbers that JSON has, without the secret."""
    record = parse_log("name", data, HIDING)
    texts = [record.message, *record.fields, *map(str, record.fields.values()), str(record)]
    assert all(text.isprintable() for text in texts)
    assert not any(trace in text for trace in TRACES for text in texts)
    assert record.time is None or math.isfinite(record.time)
    assert record.level in {"", "debug", "info", "warning", "error"}
    json.dumps(record.fields, allow_nan=False)


def tail(data: bytes) -> None:
    """Lines are the same however they arrive, and never longer than an error can show."""
    size = data[0] + 1 if data else 1
    told: tuple[list[LogRecord], list[LogRecord]] = ([], [])
    tails = [Tail("name", records.append, HIDING) for records in told]
    tails[0].take(data)
    for start in range(0, len(data), size):
        tails[1].take(data[start : start + size])
    for one in tails:
        one.take(b"")
        assert all(len(line) <= LINE_BYTES * 4 + 3 for line in one.lines)
        assert not any(trace in line for trace in TRACES for line in one.lines)
    assert tails[0].lines == tails[1].lines
    assert told[0] == told[1]


def elf(data: bytes) -> None:
    """A plugin's file is an Elf or an ElfError, and any first line can be read."""
    first_line(data[:256])
    with suppress(ElfError):
        parse_elf(lambda offset, size: data[offset : offset + size])


def codecs(data: bytes) -> None:
    """A reply is a message or a DecodeError, and any Status is an error that can be shown."""
    for codec in CODECS:
        for kind in REPLIES:
            with suppress(DecodeError):
                message: object = codec.decode(kind, data)
                if isinstance(message, model.Status):
                    shown = HIDING.error(RpcError.from_status(message))
                    assert SECRET not in repr(shown.to_status())


def jsonrpc(data: bytes) -> None:
    """Lines are messages or ProtocolViolation, whole or byte by byte."""
    lines = LineReader(limit=4096).feed(data + b"\n")
    slow = LineReader(limit=4096)
    rest = [line for i in range(len(data)) for line in slow.feed(data[i : i + 1])]
    assert lines == rest + slow.feed(b"\n")
    for line in lines:
        if isinstance(line, Oversized):
            continue
        parse_reply(line, 1, reply_decoder(model.ReadReply))
        with suppress(ProtocolViolation):
            error = parse_message(line).error
            if error is not None:
                str(from_wire("Read", error.code, error.message, error.data).to_status())


def http(data: bytes) -> None:
    """A problem document and a stream's body are errors, events, or ProtocolViolation."""
    with suppress(ProtocolViolation):
        str(read_problem(data).to_status())
    for codec in CODECS:
        events = EVENTS[codec.name](model.ApplyEvent, codec)
        with suppress(ProtocolViolation):
            for start in range(0, len(data), 7):
                events.feed(data[start : start + 7])
                while events.take() is not None:
                    pass


# ---- the shapes of inputs

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def _objects(*names: str, **fixed: object) -> st.SearchStrategy[bytes]:
    """JSON objects, most of whose members have one of these names."""
    keys = st.sampled_from(names) | st.text(max_size=5)
    members = st.dictionaries(keys, _JSON, max_size=6).map(lambda found: {**fixed, **found})
    return st.builds(
        lambda value, ascii_: json.dumps(value, ensure_ascii=ascii_).encode("utf-8", "replace"),
        members,
        st.booleans(),
    )


def _damaged(whole: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Inputs as they are, or with some bytes replaced."""
    places = st.integers(0, 400)
    return whole | st.builds(
        lambda data, start, gone, new: data[:start] + new + data[start + gone :],
        whole,
        places,
        st.integers(0, 9),
        st.binary(max_size=9),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A check, inputs of its shape, and a few inputs to begin with."""

    check: Callable[[bytes], None]
    shape: st.SearchStrategy[bytes]
    seeds: tuple[bytes, ...] = ()


_WORDS = st.lists(
    st.text(max_size=8) | st.sampled_from(["a=b", "codec=json", "=", "k="]), max_size=5
)
_LINE = st.builds(
    lambda magic, end, words: " ".join([magic, end, *words]).encode("utf-8", "replace"),
    st.sampled_from([MAGIC, MAGIC + "2", "CRONIX-PLUGIN-V", MAGIC[:-3]]),
    st.sampled_from(["stdio", "/tmp/x/s", ""]) | st.text(max_size=8),
    _WORDS,
)
_LOG = _objects("msg", "@message", "level", "@level", "ts", "@timestamp", "time", "plugin")
_TEXTS = st.text(max_size=20).map(
    lambda text: (SECRET[: len(text)] + text + SECRET).encode("utf-8", "replace")
)
_RPC = _objects("jsonrpc", "id", "result", "error", "method", "params", jsonrpc="2.0", id=1)
_RPC_ERROR = st.builds(
    lambda error: b'{"jsonrpc":"2.0","id":1,"error":%b}' % error,
    _objects("code", "message", "data", code=-32009, message="m"),
)
_STATUS = st.builds(
    lambda code, text, codec: codec.encode(
        model.Status(code, text, model.ErrorDetails(text, got=SECRET))
    ),
    st.integers(-5, 20),
    st.text(st.characters(codec="utf-8")),
    st.sampled_from(CODECS),
)
_EVENTS = st.lists(
    _objects("event", "status") | st.just(b'{"event":{"kind":"done"}}'), max_size=4
).map(b"\n".join)
_FRAMES = st.lists(
    st.builds(
        lambda kind, data: bytes([kind, 0, 0, 0, len(data)]) + data,
        st.integers(0, 2),
        st.binary(max_size=30),
    ),
    max_size=4,
).map(b"".join)
_ELF_HEAD = b"\x7fELF\x02\x01\x01" + bytes(9) + bytes.fromhex("0300 3e00 01000000") + bytes(8)
_ELF = st.builds(
    lambda rest: (
        _ELF_HEAD + (64).to_bytes(8, "little") + bytes(12) + bytes.fromhex("4000 3800 0300") + rest
    ),
    st.binary(max_size=300),
)

TARGETS: dict[str, Target] = {
    "handshake": Target(
        handshake,
        st.binary(max_size=300) | _damaged(_LINE),
        (f"{MAGIC} stdio transport=x codec=json name=a version=1".encode(), b"", b"noise"),
    ),
    "log": Target(
        log,
        st.binary(max_size=300) | _TEXTS | _damaged(_LOG),
        (b'{"ts":1.5,"level":"info","plugin":"name","msg":"m","n":[1]}', SECRET.encode()),
    ),
    "tail": Target(tail, st.lists(_damaged(_TEXTS | _LOG), max_size=5).map(b"\n".join), (b"a\nb",)),
    "codecs": Target(codecs, st.binary(max_size=200) | _damaged(_STATUS), (b"{}", b"\x08\x05")),
    "jsonrpc": Target(
        jsonrpc, _damaged(_RPC | _RPC_ERROR), (b'{"jsonrpc":"2.0","id":1,"result":{}}',)
    ),
    "http": Target(
        http,
        _damaged(_objects("code", "detail", "details", code="NOT_FOUND") | _EVENTS | _FRAMES),
        (b'{"event":{}}\n{"status":{"code":0}}\n', bytes(5)),
    ),
    "elf": Target(elf, st.binary(max_size=300) | _damaged(_ELF), (b"#!/bin/sh -e\n", _ELF_HEAD)),
}
