"""Foreign text in messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.quote import SHOWN, clean_json, nearest, quote


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", '""'),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
        ("é 日本", '"é 日本"'),
        ("a\n\x1b[31m\x7f\x9b", '"a\\n\\u001b[31m\\u007f\\u009b"'),
        ("\u2028", '"\\u2028"'),
        ("\ud800", '"\\ud800"'),
        ("x" * SHOWN, '"' + "x" * SHOWN + '"'),
        ("x" * (SHOWN + 1), '"' + "x" * SHOWN + '..."'),
    ],
)
def test_a_text_is_quoted_escaped_and_cut(text: str, quoted: str) -> None:
    assert quote(text) == quoted


@given(st.text())
def test_a_quoted_text_is_printable_and_encodable(text: str) -> None:
    assert quote(text).isprintable()
    assert quote(text).encode().decode() == quote(text)


def test_the_nearest_word_is_found_whatever_the_case() -> None:
    assert nearest("europe/pari", ["UTC", "Europe/Paris"]) == "Europe/Paris"
    assert nearest("utc", ["UTC", "Europe/Paris"]) == "UTC"


def test_no_word_is_near_what_is_like_none() -> None:
    assert nearest("zzzzzz" * 1000, ["schedule", "name"]) is None


@given(st.text())
def test_clean_json_is_the_same_json_and_printable(text: str) -> None:
    written = json.dumps({"text": text}, ensure_ascii=False)
    assert clean_json(written).isprintable()
    assert json.loads(clean_json(written)) == {"text": text}


def test_clean_json_escapes_what_a_terminal_would_obey() -> None:
    assert clean_json('{"x":"\x9b2J\u202e\U000e0001"}') == r'{"x":"\u009b2J\u202e\udb40\udc01"}'
