"""What is secret is found in a text however it was escaped, cut or wrapped; nothing else is."""

import base64
import html
import itertools
import json
import re
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transportlab import model
from transportlab.errors import (
    Code,
    ConnectionLost,
    LabError,
    ManifestError,
    PluginError,
    Problem,
    RpcError,
    TransportError,
)
from transportlab.handshake import HandshakeError
from transportlab.host.apply import ApplyInterrupted, Reached
from transportlab.log import format_line
from transportlab.redact import (
    LONG,
    MAX_BASE64,
    NOTHING,
    PIECE,
    SHORTEST,
    Redactor,
    base64_forms,
    is_part,
    lines_of,
    too_short,
    written_forms,
)

VALUE = 'p@ss w/rd+"é\\n€=\U0001f600\tend?&%41'
PEM = (
    "-----BEGIN KEY-----\n"
    + "".join(f"{i:02}AbCdEfGhIjKl+/{i * 7919}\n" for i in range(9))
    + "Zz9=\n"
)

values = st.text(min_size=SHORTEST, max_size=40).filter(
    lambda text: len(text.strip()) >= SHORTEST and len(text.splitlines()) == 1
)
ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda v: json.dumps(v, ensure_ascii=False),
    "json in ascii": json.dumps,
    "the lab's log": lambda v: format_line(v=v),
    "json with slashes": lambda v: json.dumps(v).replace("/", "\\/"),
    "json in json": lambda v: json.dumps({"line": json.dumps({"x": v})}),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda v: repr(v.encode()),
    "hex": lambda v: v.encode().hex(),
    "html": html.escape,
    "html with quotes": lambda v: html.escape(v, quote=False),
    "html as Go has it": lambda v: html.escape(v).replace("&quot;", "&#34;").replace("x27", "39"),
    "repr in json": lambda v: json.dumps(repr(v)),
    "url": urllib.parse.quote,
    "url without slash": lambda v: urllib.parse.quote(v, safe=""),
    "form": urllib.parse.quote_plus,
    "uri component": lambda v: urllib.parse.quote(v, safe="!'()*"),
    "lower case": lambda v: urllib.parse.quote(v).lower(),
    "upper case": lambda v: json.dumps(v).upper(),
}


@pytest.mark.parametrize("name", ESCAPES)
@settings(max_examples=25)
@given(value=values)
@example(value=VALUE)
@example(value="'\"'\"")
def test_a_value_is_found_however_it_is_escaped(name: str, value: str) -> None:
    escaped = ESCAPES[name](value)
    shown = Redactor({"key": value}).text(f"<<{escaped}>>")
    assert "[key]" in shown
    assert escaped not in shown
    # Nothing of it is left but what an escape puts around.
    assert len(shown.replace("[key]", "")) <= len("<<>>") + len('"{\\"line\\": \\"\\\\\\"') * 2


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:", "user::"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_is_found_in_base64_behind_anything(
    before: str, encode: Callable[[bytes], bytes]
) -> None:
    for value in (VALUE, "hunter22", "\u00ff\u00fe\u00ff>>>???"):
        text = encode(f"{before}{value}".encode()).decode()
        shown = Redactor({"key": value}).text(f"Authorization: Basic {text}")
        assert len(shown.partition("Basic ")[2].replace("[key]", "")) <= len(before) * 4 // 3 + 4
        assert "[key]" in shown


def test_only_what_is_no_longer_than_keys_are_is_looked_for_in_base64() -> None:
    for size, found in ((MAX_BASE64, True), (MAX_BASE64 + 1, False)):
        value = "aZ9-" * MAX_BASE64
        text = base64.b64encode(value[:size].encode()).decode()
        assert ("[key]" in Redactor({"key": value[:size]}).text(text)) is found


def test_each_line_of_a_value_is_a_secret() -> None:
    redactor = Redactor({"key": PEM})
    for line in PEM.split("\n")[:-1]:
        assert redactor.text(f"x {line} y") == "x [key] y"
    assert "AbCd" not in redactor.text(PEM)
    assert "AbCd" not in redactor.text(PEM.replace("\n", "\r\n"))
    assert "AbCd" not in redactor.text(json.dumps(PEM))


@given(values.filter(lambda v: len(v) >= 2 * SHORTEST), st.data())
def test_a_value_cut_in_two_leaves_less_than_an_edge_of_it(value: str, data: st.DataObject) -> None:
    redactor = Redactor({"key": value})
    at = data.draw(st.integers(SHORTEST, len(value) - SHORTEST))
    first, second = redactor.text("a<" + value[:at]), redactor.text(value[at:] + ">b")
    assert first.startswith("a<")
    assert second.endswith(">b")
    assert "[key]" in first
    assert "[key]" in second
    assert value[:at] not in first
    assert value[at:] not in second


@pytest.mark.parametrize("end", ["...", "'", '"', "'...; the plugin still runs", "\u2026 (cut)"])
def test_an_excerpt_that_ends_or_begins_in_a_value_hides_what_it_has_of_it(end: str) -> None:
    value = "hunter2-abc"  # too short for a piece of it to be known in the middle
    redactor = Redactor({"key": value})
    for at in range(SHORTEST, len(value)):
        assert redactor.text(f"it begins b'x={value[:at]}{end}") == f"it begins b'x=[key]{end}"
        begins = f"it ends {end}{value[-at:]}, and so on"
        if end.endswith((".", "'", '"')):
            assert redactor.text(begins) == begins.replace(value[-at:], "[key]")


@pytest.mark.parametrize("cut", ["...", "'", '"', "\u2026", "\n", "\r\n\t  ", "\\n"])
def test_an_excerpt_at_the_end_of_a_text_hides_what_it_has_of_a_value(cut: str) -> None:
    value = "hunter2-abc"
    redactor = Redactor({"key": value})
    for size in range(SHORTEST, len(value)):
        assert redactor.text(f"it ends {cut}{value[-size:]}") == f"it ends {cut}[key]"
        assert redactor.text(f"{cut}{value[-size:]}") == f"{cut}[key]"


@pytest.mark.parametrize("end", ["\n", "\n    ", "\r\n", "\\n", "\\r\\n  "])
def test_a_value_that_is_wrapped_over_two_lines_of_a_text_is_hidden(end: str) -> None:
    value = "hunter2-abcdefgh"
    redactor = Redactor({"key": value})
    for at in range(SHORTEST, len(value) - SHORTEST):
        shown = redactor.text(f"it is {value[:at]}{end}{value[at:]}, and so on")
        assert shown == f"it is [key]{end}[key], and so on"


@given(st.lists(values, min_size=2, max_size=5), st.sampled_from("\n\r\u2028"))
def test_the_pieces_of_a_line_are_among_those_of_its_value(lines: list[str], end: str) -> None:
    """So they are learned once, which for a bundle of keys is what takes the time."""
    whole = written_forms(end.join(lines))
    for line in filter(is_part, lines_of(end.join(lines))):
        for form in written_forms(line):
            assert any(form in other for other in whole)


def test_a_long_piece_is_hidden_in_the_middle_of_a_text() -> None:
    value = "0123456789abcdefghijklmnop"
    redactor = Redactor({"key": value})
    assert redactor.text(f"x {value[5 : 5 + PIECE]}... y") == "x [key]... y"
    assert redactor.text(f"x {value[5 : 4 + PIECE]}... y") == f"x {value[5 : 4 + PIECE]}... y"


def places(text: str, values: dict[str, str]) -> str:
    """A text in which each character to hide is replaced: the rules of the module, word by word."""
    hidden = [False] * len(text)
    folded = "".join(c.lower() if c.isascii() else c for c in text)
    breaks = list(re.finditer(r"""["']|[.]{3}|\u2026|(\r?\n|(\\r)?\\n)[ \t]*""", folded))
    stops = {len(text), *(cut.start() for cut in breaks)}
    starts = {0, *(cut.end() for cut in breaks)}
    anywhere, beginnings, ends = set(), set(), set()
    for value in values.values():
        parts = [value, *(line for line in lines_of(value) if len(line) >= SHORTEST)]
        for exact in {*base64_forms(value), *(f for part in parts for f in written_forms(part))}:
            form = "".join(c.lower() if c.isascii() else c for c in exact)
            anywhere |= {form, *(form[i : i + PIECE] for i in range(len(form) - PIECE + 1))}
            for size in range(SHORTEST, min(PIECE, len(form))):
                beginnings.add(form[:size])
                ends.add(form[-size:])
    for start, end in itertools.combinations(range(len(text) + 1), 2):
        part = folded[start:end]
        begun = end in stops and part in beginnings
        ended = start in starts and part in ends
        if part in anywhere or begun or ended:
            hidden[start:end] = [True] * (end - start)
    return "".join("\0" if hide else c for hide, c in zip(hidden, text, strict=True))


WORDS = st.lists(st.sampled_from(["a", "B", "ab", "'", '"', "...", ".", "\n ", "\\n", "é", "&"]))
PIECES = st.lists(
    st.one_of(WORDS.map("".join), st.tuples(st.integers(0, 9), st.integers(0, 40))), max_size=5
)


@settings(max_examples=100)
@example(["a'b&b"], [["x&#", (6, 1)]])
@given(
    st.lists(WORDS.map("".join), min_size=1, max_size=3),
    st.lists(PIECES, min_size=1, max_size=3),
)
def test_what_is_hidden_is_what_the_rules_say(
    secrets: list[str], texts: list[list[str | tuple[int, int]]]
) -> None:
    """Beside a reference that tries each part of each form at each place."""
    values = {str(i): value for i, value in enumerate(secrets) if len(value) >= SHORTEST}
    written = "".join(form for value in values.values() for form in sorted(written_forms(value)))
    redactor = Redactor(values)
    drawn = [
        "".join(p if isinstance(p, str) else written[7 * p[0] :][: p[1]] for p in text)
        for text in texts
    ]
    for text, shown in zip(drawn, redactor.value(drawn), strict=True):
        assert shown == redactor.text(text)
        assert re.sub(r"(\[\d\])+", "\0", shown) == re.sub("\0+", "\0", places(text, values))


def test_values_that_overlap_are_hidden_whole() -> None:
    redactor = Redactor({"a": "abcdefgh", "b": "efghijkl", "c": "cdef"})
    assert redactor.text("<abcdefghijkl>") == "<[a]>"
    assert redactor.text("<efghijkl> <cdef>") == "<[b]> <[c]>"
    assert redactor.text("abcdefghabcdefgh") == "[a][a]"
    assert Redactor({"a": "xyxy"}).text("-xyxyxy-") == "-[a]-"


def test_in_a_long_text_the_whole_value_is_found() -> None:
    redactor = Redactor({"key": VALUE, "pin": "4711x"})
    rest = "\u00e9" * LONG
    for written in (VALUE, json.dumps(VALUE)[1:-1], urllib.parse.quote(VALUE)):
        assert redactor.text(f"{rest}{written}{rest}{written}") == f"{rest}[key]{rest}[key]"
    assert redactor.text(f"{rest}4711x") == f"{rest}[pin]"
    assert redactor.text(rest) == rest


@given(st.text())
def test_without_secrets_a_text_stays_as_it_is(text: str) -> None:
    assert NOTHING.text(text) == text
    assert Redactor({"key": ""}).text(text) == text
    assert not NOTHING
    assert not Redactor({"key": "abc"})


@given(st.text(alphabet="xyz ]["), st.text(alphabet="abc", min_size=SHORTEST))
def test_a_text_without_the_value_stays_as_it_is(text: str, value: str) -> None:
    assert Redactor({"key": value}).text(text) == text


def test_which_values_cannot_be_hidden() -> None:
    assert [too_short(v) for v in ("", "a", "abc", "abcd")] == [False, True, True, False]


def test_whole_values_are_walked_through() -> None:
    redactor = Redactor({"key": "20261234"})
    reply = model.ReadReply((model.Entry("a", command="x 20261234 y"),))
    assert redactor.value(reply) == model.ReadReply((model.Entry("a", command="x [key] y"),))
    assert redactor.value({"20261234": [20261234, 1.5, True, None, ("20261234",)]}) == {
        "[key]": ["[key]", 1.5, True, None, ("[key]",)]
    }
    plan = model.PlanReply(ops=(model.Op(model.OpKind.SKIP, "20261234"),))
    assert redactor.value(plan).ops[0].kind is model.OpKind.SKIP
    assert NOTHING.value(reply) is reply


def filled(text: str) -> model.ErrorDetails:
    return model.ErrorDetails(text, text, text, text, text, (text,), (text,), (text,))


def failed(text: str) -> PluginError:
    names = ("name", "path", "version", "expected", "got", "exit", "action")
    return PluginError("E-X", text, **dict.fromkeys(names, text), stderr=(f"l {text}",))


def test_errors_are_hidden_in_every_text() -> None:
    redactor = Redactor({"key": "s3cr3t"})
    rpc = redactor.error(RpcError(Code.ABORTED, "s3cr3t!", filled("a s3cr3t")))
    assert (rpc.message, str(rpc)) == ("[key]!", "ABORTED: [key]!")
    assert rpc.details == filled("a [key]")
    assert vars(redactor.error(failed("s3cr3t"))) == vars(failed("[key]"))
    lost = redactor.error(ConnectionLost("got s3cr3t"))
    assert (type(lost), str(lost)) == (ConnectionLost, "got [key]")


def test_an_error_of_any_kind_keeps_its_kind_and_its_data() -> None:
    redactor = Redactor({"key": "s3cr3t"})
    handshake = redactor.error(HandshakeError("E-X", "not s3cr3t", "do"))
    assert (type(handshake), str(handshake), handshake.code) == (HandshakeError, "not [key]", "E-X")
    noted = RpcError(Code.ABORTED, "plain")
    noted.add_note("from s3cr3t")
    interrupted = ApplyInterrupted(noted, Reached(applied=("s3cr3t",)))
    hidden = redactor.error(interrupted)
    assert isinstance(hidden.error, RpcError)
    assert (hidden.error.code, hidden.error.__notes__) == (Code.ABORTED, ["from [key]"])
    assert hidden.reached.applied == ("[key]",)
    problems = (Problem("jobs/0", "not s3cr3t"),)
    assert redactor.error(ManifestError("f", problems)).problems[0].message == "not [key]"


def test_an_error_with_nothing_to_hide_is_itself() -> None:
    redactor = Redactor({"key": "s3cr3t"})
    errors: list[LabError] = [RpcError(Code.ABORTED, "x"), TransportError("x"), failed("x")]
    for error in errors:
        assert redactor.error(error) is error
    other = TransportError("s3cr3t")
    assert NOTHING.error(other) is other


def test_many_short_values_are_hidden_like_one() -> None:
    values = {f"k{i}": f"{i:06}" for i in range(2000)}
    assert Redactor(values).text("x 001234 y 99") == Redactor({"k1234": "001234"}).text(
        "x 001234 y 99"
    )


def test_a_long_text_is_hidden_wherever_a_value_begins() -> None:
    redactor = Redactor({"key": "0123456789abcdefghijklmnop"})
    for before in range(LONG - 30, LONG + 8):
        text = "x" * before + "0123456789ABCDEFGHIJKLMNOP" + "y" * LONG
        assert redactor.text(text) == "x" * before + "[key]" + "y" * LONG
