"""Every line of a plugin's log is a record, whatever is in it; and a real plugin's lines are."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.logs import LINE_BYTES, _text, parse, text_of
from transportlab.host.pipes import Tail
from transportlab.log import format_line
from transportlab.redact import Redactor
from transportlab.registry import transport_names

LEVELS = {"", "debug", "info", "warning", "error"}
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)


def record(line: str | bytes, **hidden: str) -> LogRecord:
    data = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    return parse("echo", data, Redactor(hidden))


def members(**values: Any) -> LogRecord:
    return record(json.dumps(values))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
known = st.sampled_from(
    ["msg", "@message", "level", "@level", "ts", "@timestamp", "time", "plugin"]
)
lines = (
    st.binary(max_size=200)
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.dictionaries(known | st.text(), json_values, max_size=6).map(
        lambda value: json.dumps(value).encode()
    )
)


@given(lines)
def test_every_line_is_a_record_that_does_nothing_to_a_terminal(line: bytes) -> None:
    found = parse("echo", line)
    assert found.plugin == "echo"
    assert found.level in LEVELS
    texts = [found.message, *found.fields, *(v for v in found.fields.values() if type(v) is str)]
    assert all(text.isprintable() for text in (*texts, str(found)))
    assert found.time is None or math.isfinite(found.time)
    json.dumps(found.fields, allow_nan=False)


def test_a_line_as_the_lab_writes_it() -> None:
    line = format_line(
        ts=12.5, level="warning", plugin="echo", msg="slow", rows=3, ok=True, to=None
    )
    assert record(line) == LogRecord(
        "echo", "warning", "slow", {"rows": 3, "ok": True, "to": None}, 12.5
    )


def test_a_line_as_hclog_writes_it() -> None:
    line = (
        '{"@level":"warn","@message":"slow","@module":"echo.db","@timestamp":'
        '"2024-05-01T10:00:00.250000Z","rows":[1,{"a":"b"}]}'
    )
    assert record(line) == LogRecord(
        "echo",
        "warning",
        "slow",
        {"@module": "echo.db", "rows": '[1, {"a": "b"}]'},
        1714557600.25,
    )


def test_any_other_line_is_a_message_without_a_level() -> None:
    for line in ("Traceback (most recent call last):", "[1, 2]", "{not json", '"text"', "17", ""):
        assert record(line) == LogRecord("echo", "", line)
    assert record("with its end\r") == LogRecord("echo", "", "with its end")


@pytest.mark.parametrize(
    ("message", "shown"),
    [(17, "17"), (None, "null"), (["a", {"b": 1}], '["a", {"b": 1}]'), (True, "true")],
)
def test_a_message_that_is_no_text_is_shown_as_json(message: object, shown: str) -> None:
    """The line with which a plugin ends a host of go-plugin's."""
    assert members(**{"@message": message, "@level": "info"}) == LogRecord("echo", "info", shown)


def test_a_level_or_a_time_that_is_none_stays_a_member() -> None:
    odd = {"level": 30, "ts": "yesterday", "time": 0.5, "msg": "m"}
    assert members(**odd) == LogRecord(
        "echo", "", "m", {"level": 30, "ts": "yesterday", "time": 0.5}
    )
    assert members(ts=True, level="LOUD").fields == {"ts": True, "level": "LOUD"}
    assert members(ts="0001-01-01T00:00:00+23:59", level="Fatal").level == "error"
    assert members(time="2024-05-01 10:00:00").time == 1714557600.0


def test_a_plugin_cannot_speak_as_another() -> None:
    assert members(plugin="echo", msg="m") == LogRecord("echo", "", "m")
    assert members(plugin="crontab", msg="m") == LogRecord("echo", "", "m", {"plugin": "crontab"})


def test_numbers_that_few_can_read_become_texts() -> None:
    line = '{"msg":"m","a":1e999,"b":-1e999,"c":NaN,"d":Infinity,"e":' + "9" * 5000 + ',"f":1.5}'
    fields = record(line).fields
    assert fields == {
        "a": "1e999",
        "b": "-1e999",
        "c": "NaN",
        "d": "Infinity",
        "e": "9" * 5000,
        "f": 1.5,
    }


def test_of_two_members_with_one_name_the_last_counts() -> None:
    assert record('{"msg":"a","msg":"b","x":1,"x":2}') == LogRecord("echo", "", "b", {"x": 2})


def test_nesting_of_any_depth_is_borne() -> None:
    """How much can be read depends on the interpreter, how much be written on the caller."""
    shown = []
    for depth in (10, *range(700, 1001), 4000):
        found = record('{"msg":"m","x":' + "[" * depth + "]" * depth + "}")
        shown.append(str(found.fields.get("x", found.message))[:9])
    assert shown[0] == "[" * 9
    assert set(shown) <= {"[" * 9, "(nested t", '{"msg":"m'}


def test_a_value_that_is_nested_too_deeply_to_be_written_is_told_as_that() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert _text(value) == "(nested too deeply)"


def test_what_moves_a_terminal_or_hides_text_is_shown_as_an_escape() -> None:
    nasty = "a\x1b[2Jb\rc\u202ed\u2028e\ud800f\x00\x9b31m"
    shown = r"a\x1b[2Jb\rc\u202ed\u2028e\ud800f\x00\x9b31m"
    assert members(msg=nasty, **{nasty: nasty}) == LogRecord("echo", "", shown, {shown: shown})
    assert record(nasty.replace("\ud800", "")).message == shown.replace(r"\ud800", "")


def test_a_line_is_cut_between_characters_and_says_so() -> None:
    for start in range(4):
        line = b"x" * start + "é€\U0001f600".encode() * 2000
        text = text_of(line)
        assert text.endswith("...")
        assert "\\x" not in text
        assert len(text.encode()) <= LINE_BYTES + 3
    exact = b"y" * LINE_BYTES
    assert text_of(exact) == exact.decode()
    cut = b'{"msg":"' + b"z" * LINE_BYTES + b'"}'
    assert record(cut).message == cut[:LINE_BYTES].decode() + "..."


def test_a_secret_is_in_no_record() -> None:
    secret = "hunter22/hunter22"
    lines_ = [
        f"login with {secret}",
        json.dumps({"msg": f"m {secret}", "level": secret, secret: [1, {"a": secret}], "n": None}),
        json.dumps({"msg": json.dumps({"inner": secret})}).replace("/", "\\/"),
        "x" * (LINE_BYTES - 6) + secret,
    ]
    for line in lines_:
        found = record(line, key=secret)
        assert "hunter" not in repr(found)
        assert "[key]" in repr(found)
    assert record('{"msg":"m","pin":12345678}', pin="12345678").fields == {"pin": "[pin]"}


def test_a_record_as_one_line_for_people() -> None:
    line = LogRecord("echo", "info", "done", {"a": 1, "b": "x y", "c": "", "d": 'q"', "e": None})
    assert str(line) == r'echo info done a=1 b="x y" c="" d="q\"" e=null'
    assert str(LogRecord("echo", message="plain")) == "echo - plain"
    assert str(LogRecord("echo", "error")) == "echo error"


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_are_the_same_however_they_arrive(texts: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(texts)
    records: list[LogRecord] = []
    tail = Tail("echo", records.append)
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        tail.take(whole[:size])
        whole = whole[size:]
    tail.take(b"")
    wanted = texts if texts and texts[-1] else texts[:-1]
    assert records == [parse("echo", text) for text in wanted]
    assert tail.lines == tuple(text_of(text) for text in wanted)


def test_a_listener_that_fails_does_not_stop_the_reading() -> None:
    def fail(_record: LogRecord) -> None:
        raise BrokenPipeError

    tail = Tail("echo", fail)
    tail.take(b"one\ntwo\n")
    assert tail.lines == ("one", "two")


# ---- a real plugin


TALKING = """#!{python}
import sys
from msgspec.structs import replace
from transportlab.backends import echo
from transportlab.sdk import run

def create(config):
    sys.stderr.write('{{"@level":"info","@message":{{"not":"a text"}},"@timestamp":17}}\\n')
    sys.stderr.write("plain \\x1b[31mred\\n")
    sys.stderr.buffer.write(b"\\xff\\xfe not utf-8\\n" + b"y" * 200_000 + b"\\n")
    sys.stderr.write("last")
    sys.stderr.flush()
    return echo.create(config)

run(replace(echo.PLUGIN, name="talking", create=create))
"""


@pytest.mark.parametrize("transport", PROCESS)
def test_a_real_plugins_lines_come_out_with_its_name(tmp_path: Path, transport: str) -> None:
    path = tmp_path / "cronix-backend-talking"
    path.write_text(TALKING.format(python=sys.executable))
    path.chmod(0o755)
    records: list[LogRecord] = []
    with open_backend(str(path), transport, HostOptions(on_log=records.append)) as session:
        assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()
    assert {found.plugin for found in records} == {"talking"}
    first, red, foreign, long, last, *_ = records
    assert first == LogRecord("talking", "info", '{"not": "a text"}', {"@timestamp": 17})
    assert red.message == r"plain \x1b[31mred"
    assert foreign.message == r"\xff\xfe not utf-8"
    assert long.message == "y" * LINE_BYTES + "..."
    assert last.message.startswith("last")


PRINTING = """#!{python}
import os
from msgspec.structs import replace
from transportlab.backends import echo
from transportlab.sdk import program as sdk

claim = sdk.claim_stdout

def keep_a_copy():
    wire = claim()
    global copy
    copy = os.dup(wire.fileno())
    return wire

def create(config):
    os.write(copy, b"x" * 1_000_000)  # as a library in C that has kept its stdout
    return echo.create(config)

sdk.claim_stdout = keep_a_copy
sdk.run(replace(echo.PLUGIN, name="printing", create=create))
"""


@pytest.mark.parametrize(
    "transport",
    transport_names(EndpointKind.SOCKET),
)
def test_a_line_of_a_million_bytes_on_stdout_blocks_nobody(tmp_path: Path, transport: str) -> None:
    path = tmp_path / "cronix-backend-printing"
    path.write_text(PRINTING.format(python=sys.executable))
    path.chmod(0o755)
    with open_backend(str(path), transport) as session:
        assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()


def test_what_a_plugin_said_before_it_died_is_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-dying"
    path.write_text(
        "#!/bin/sh\necho 'boom: missing libfoo' >&2\nprintf '\\033[2Jhalf' >&2\nexit 3\n"
    )
    path.chmod(0o755)
    records: list[LogRecord] = []
    with pytest.raises(PluginError) as caught:
        open_backend(str(path), PROCESS[0], HostOptions(on_log=records.append))
    assert caught.value.exit == "exit status 3"
    assert caught.value.stderr == ("boom: missing libfoo", "\x1b[2Jhalf")
    assert [found.message for found in records] == ["boom: missing libfoo", r"\x1b[2Jhalf"]
