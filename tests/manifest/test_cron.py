"""Schedules: the fields of robfig/cron v3, the macros, @every; each message names the field."""

from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from transportlab.manifest.cron import GO_SPACE, MACROS, schedule_problem, trim


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "? ? ? ? ?",
        "0 0 1 1 0",
        "59 23 31 12 6",
        "*/15 * * * *",
        "5/15 * * * *",
        "?/2 * * * *",
        "*/100 * * * *",
        "1-5,10-20/3,59 * * * *",
        "7-7 * * * *",
        "00 007 1 01 0",
        "0 9 * JAN-mar Mon,WED,sat",
        "0 9 * feb/2 tue/2",
        "0 0 30 2 *",
        "0\t0  1 \t 1 *",
        "@every 60s",
        "@every 1m",
        "@every 1h",
        "@every 999999999h",
        *MACROS,
    ],
)
def test_what_robfig_cron_takes_is_a_schedule(text: str) -> None:
    assert schedule_problem(text) is None


@pytest.mark.parametrize("space", [" ", "\n", "\t\r\n", "\u2003", "\x85", "\xa0"])
def test_white_space_around_a_schedule_does_not_count(space: str) -> None:
    assert schedule_problem(f"{space}@daily{space}") is None
    assert trim(f"{space}0 0 1 * *{space}") == "0 0 1 * *"


def test_what_go_does_not_trim_is_not_trimmed() -> None:
    assert trim("\x1c@daily") == "\x1c@daily"
    assert {chr(c) for c in range(0x110000) if chr(c).isspace()} - set(GO_SPACE) == set(
        "\x1c\x1d\x1e\x1f"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("61 * * * *", "minute: 61 is outside 0-59"),
        ("0-60 * * * *", "minute: 60 is outside 0-59"),
        ("* 24 * * *", "hour: 24 is outside 0-23"),
        ("* * 0 * *", "day of month: 0 is outside 1-31"),
        ("* * 0/5 * *", "day of month: 0 is outside 1-31"),
        ("* * 32 * *", "day of month: 32 is outside 1-31"),
        ("* * * 13 *", "month: 13 is outside 1-12"),
        ("* * * 0 *", "month: 0 is outside 1-12"),
        ("* * * * 7", "day of week: 7 is outside 0-6"),
        ("* * * * 0-7", "day of week: 7 is outside 0-6"),
        ("30-10 * * * *", 'minute: the range "30-10" begins after its end'),
        ("* * * * sat-sun", 'day of week: the range "sat-sun" begins after its end'),
        ("*/0 * * * *", 'minute: expected a step of at least 1 after /, got "*/0"'),
        ("*/ * * * *", 'minute: expected a step of at least 1 after /, got "*/"'),
        ("*/5/5 * * * *", 'minute: expected a step of at least 1 after /, got "*/5/5"'),
        ("*/+5 * * * *", 'minute: expected a step of at least 1 after /, got "*/+5"'),
        ("/5 * * * *", 'minute: expected 0-59, got "/5"'),
        ("1,,2 * * * *", 'minute: expected 0-59, got ""'),
        ("5, * * * *", 'minute: expected 0-59, got ""'),
        ("+5 * * * *", 'minute: expected 0-59, got "+5"'),
        ("-5 * * * *", 'minute: expected 0-59, got "-5"'),
        ("1-2-3 * * * *", 'minute: expected 0-59, got "1-2-3"'),
        ("*-5 * * * *", 'minute: expected 0-59, got "*-5"'),
        ("5-* * * * *", 'minute: expected 0-59, got "5-*"'),
        ("\u0665 * * * *", 'minute: expected 0-59, got "\u0665"'),
        ("mon * * * *", 'minute: expected 0-59, got "mon"'),
        ("* * * monday *", 'month: expected 1-12 or jan-dec, got "monday"'),
        ("* * L * *", 'day of month: expected 1-31, got "L"'),
        ("* * 15W * *", 'day of month: expected 1-31, got "15W"'),
        ("* * * * 5#2", 'day of week: expected 0-6 or sun-sat, got "5#2"'),
        ("* *\n* * * *", 'hour: expected 0-23, got "*\\n*"'),
        ("TZ=UTC * * * *", 'minute: expected 0-59, got "TZ=UTC"'),
        ("@every 59s", "@every: expected at least 60 s, got 59 s"),
        ("@every 0h", "@every: expected at least 60 s, got 0 s"),
    ],
)
def test_a_message_names_the_field_and_what_is_wrong(text: str, problem: str) -> None:
    assert schedule_problem(text) == problem


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", "0 fields"),
        ("  ", "0 fields"),
        ("daily", "1 field"),
        ("* * * *", "4 fields"),
        ("0 * * * * *", "6 fields"),
        ("*\n* * * *", "4 fields"),
    ],
)
def test_another_number_of_fields_is_counted(text: str, count: str) -> None:
    expected = f"expected five cron fields, a macro or @every, got {count}: "
    assert (schedule_problem(text) or "").startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "@every",
        "@every 5",
        "@every m",
        "@every5m",
        "@every 5M",
        "@every  5m",
        "@every 1h30m",
        "@every 90.5s",
        "@every -5m",
        "@every 5d",
        "@every 1000000000h",
        "@everyday",
    ],
)
def test_every_takes_a_whole_number_and_one_unit(text: str) -> None:
    form = 'expected "@every N" with a whole number and s, m or h, got '
    assert schedule_problem(text) == f'{form}"{text}"'


@pytest.mark.parametrize("text", ["@Daily", "@reboot", "@", "@daily 5"])
def test_an_unknown_macro_is_answered_with_those_that_exist(text: str) -> None:
    problem = schedule_problem(text) or ""
    assert problem.startswith(f'unknown macro "{text}"; expected @hourly, ')


def test_a_long_number_is_outside_the_range_and_cut_in_the_message() -> None:
    assert schedule_problem(f"{'9' * 5000} * * * *") == f"minute: {'9' * 60}... is outside 0-59"


NUMBERS = st.integers(0, 65).map(str)
VALUES = NUMBERS | st.sampled_from(["jan", "Dec", "sun", "SAT", "*", ""])
RANGES = st.tuples(VALUES, VALUES).map("-".join)
STEPS = st.tuples(VALUES | RANGES, st.integers(0, 70).map(str)).map("/".join)
FIELD_TEXTS = st.lists(VALUES | RANGES | STEPS, min_size=1, max_size=3).map(",".join)


@given(FIELD_TEXTS | st.text("0123456*,-/", min_size=1), st.integers(0, 4))
def test_a_second_parser_agrees_where_the_two_dialects_are_one(text: str, position: int) -> None:
    if position == 4:
        text = text.replace("7", "6")  # cronsim takes 7 for Sunday
    schedule = " ".join(["*"] * position + [text or ","] + ["*"] * (4 - position))
    try:
        CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        assert schedule_problem(schedule) is not None
    else:
        assert schedule_problem(schedule) is None


@given(st.text())
def test_any_text_is_judged_and_a_problem_is_one_short_line(text: str) -> None:
    problem = schedule_problem(text)
    assert problem is None or (len(problem) < 500 and problem.isprintable())
