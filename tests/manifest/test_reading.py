"""Readers on their own: what they return, what they report, and in which order."""

from dataclasses import dataclass

import pytest

from transportlab.manifest.reading import (
    Reader,
    Report,
    array,
    integer,
    mapping,
    matching,
    record,
    text,
    unique,
    word,
)
from transportlab.manifest.strict_json import Number


@dataclass
class Point:
    x: int = 0
    label: str = ""


POINT = record(Point, {"x": integer(0, 9), "label": text()}, required=("x",))


def read(reader: Reader, value: object) -> tuple[object, list[str]]:
    report = Report()
    result = reader(value, "p", report)
    return result, [str(problem) for problem in report.problems]


@pytest.mark.parametrize(
    ("reader", "value", "result"),
    [
        (text(), "", ""),
        (text(None, str.upper), "a", "A"),
        (text(matching(str.isdigit, "digits")), "12", "12"),
        (integer(-1, 1), -1, -1),
        (word(("a", "b")), "b", "b"),
        (word(("a", "b"), str.upper), "b", "B"),
        (array(integer(0, 9), 0, 3), [], ()),
        (array(integer(0, 9), 0, 3), [1, 2, 3], (1, 2, 3)),
        (POINT, {"x": 1}, Point(1)),
        (POINT, {"label": "a", "x": 1}, Point(1, "a")),
        (array(POINT, 1, 2), [{"x": 1}], (Point(1),)),
    ],
)
def test_a_value_that_fits_is_returned_as_what_it_stands_for(
    reader: Reader, value: object, result: object
) -> None:
    assert read(reader, value) == (result, [])


def test_a_mapping_is_sorted_by_name() -> None:
    result, problems = read(mapping(matching(str.islower, "lower"), text()), {"b": "1", "a": "2"})
    assert isinstance(result, dict)
    assert (list(result.items()), problems) == ([("a", "2"), ("b", "1")], [])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Number("1.50"), "1.50"),
        (Number("9" * 100), "9" * 60 + "..."),
        ("a\n", '"a\\n"'),
        ("b" * 100, '"' + "b" * 60 + '..."'),
        ([1], "an array"),
        ({"a": 1}, "an object"),
    ],
)
def test_a_value_of_another_kind_is_shown_as_it_was_written(value: object, shown: str) -> None:
    assert read(word(("x",)), value) == (None, [f"p: expected one of x, got {shown}"])


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (text(), "a string"),
        (integer(0, 9), "an integer from 0 to 9"),
        (integer(4, 4), "4"),
        (array(text(), 1, 2), "an array of 1 to 2 items"),
        (mapping(matching(len, "a name"), text()), "an object"),
        (POINT, "an object"),
    ],
)
def test_null_is_no_value(reader: Reader, expected: str) -> None:
    assert read(reader, None) == (None, [f"p: expected {expected}, got null"])


def test_items_over_the_limit_are_counted_and_not_read() -> None:
    _, problems = read(array(integer(0, 9), 1, 2), [1, "x", "y", "z"])
    assert problems == [
        "p: expected an array of 1 to 2 items, got 4",
        'p/1: expected an integer from 0 to 9, got "x"',
    ]


def test_a_mapping_reports_names_and_values() -> None:
    _, problems = read(mapping(matching(str.islower, "lower"), text()), {"A": 1, "b c": 2})
    assert problems == [
        'p/A: expected lower, got "A"',
        "p/A: expected a string, got 1",
        'p/"b c": expected a string, got 2',
    ]


def test_problems_of_an_object_come_before_those_of_its_members_and_after_earlier_ones() -> None:
    both = record(Point, {"label": text()}, required=("x",), check=lambda found: "odd")
    _, problems = read(array(both, 1, 9), [{"label": 1}, {"label": 2, "z": 3}])
    assert problems == [
        'p/0/x: expected a member "x", got none',
        "p/0: odd",
        "p/0/label: expected a string, got 1",
        'p/1/x: expected a member "x", got none',
        "p/1: odd",
        "p/1/label: expected a string, got 2",
        'p/1/z: unknown member "z"; expected one of label',
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("labl", 'did you mean "label"?'),
        ("LABEL", 'did you mean "label"?'),
        ("zzz", "expected one of x, label"),
        ("q" * 100_000, "expected one of x, label"),
    ],
)
def test_an_unknown_member_is_answered_with_the_nearest_or_all(name: str, hint: str) -> None:
    _, (problem,) = read(POINT, {"x": 1, name: 1})
    assert problem.endswith(f"; {hint}")
    assert len(problem) < 250


def test_a_value_that_was_there_before_is_named_with_its_first_place() -> None:
    names = array(unique(text(), "name"), 0, 9)
    result, problems = read(names, ["a", "b", "a"])
    assert result == ("a", "b", "a")
    assert problems == ['p/2: expected each name once, got "a" also at p/0']
    assert read(names, [1, 1])[1][1] == "p/1: expected a string, got 1"
