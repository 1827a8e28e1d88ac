"""A plugin's log line is one JSON object, whatever is in it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.log import Log, format_line
from transportlab.redact import Redactor

values = st.one_of(
    st.text(),
    st.booleans(),
    st.none(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
)


@given(st.dictionaries(st.text(st.characters(categories=["L"]), min_size=1), values))
def test_a_line_is_json_and_says_what_was_given(fields: dict[str, str]) -> None:
    line = format_line(**fields)
    assert "\n" not in line
    assert "\u2028" not in line
    assert json.loads(line) == fields


def test_a_lone_surrogate_is_shown_instead_of_failing() -> None:
    assert json.loads(format_line(text="a\ud800"))["text"] == "a\\ud800"


def test_a_number_that_json_does_not_have_is_a_text() -> None:
    line = format_line(a=math.nan, b=-math.inf)
    assert json.loads(line) == {"a": "nan", "b": "-inf"}


def test_a_log_says_nothing_that_its_redactor_hides(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("echo", "1.0", Redactor({"token": "4711-4711"}))
    log("info", 'with "4711-4711"', url="http://u:4711-4711@h/", number=1234567)
    text = capsys.readouterr().err
    assert "4711-4711" not in text
    line = json.loads(text)
    assert line["msg"] == 'with "[token]"'
    assert line["url"] == "http://u:[token]@h/"
    assert line["number"] == 1234567
    assert log.who == "echo 1.0"


def test_a_log_writes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Log("echo")("info", "Read", entries=3)
    line = json.loads(capsys.readouterr().err)
    assert line["plugin"] == "echo"
    assert line["entries"] == 3
