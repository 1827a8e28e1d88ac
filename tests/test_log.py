"""A plugin's log line is one JSON object, whatever is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.log import Log, format_line

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


def test_a_log_writes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Log("echo")("info", "Read", entries=3)
    line = json.loads(capsys.readouterr().err)
    assert line["plugin"] == "echo"
    assert line["entries"] == 3
