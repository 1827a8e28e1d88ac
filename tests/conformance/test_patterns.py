"""Each operator, matching and not."""

from typing import Any

import pytest

from transportlab.conformance.patterns import mismatch, shown


@pytest.mark.parametrize(
    ("pattern", "good", "bad", "said"),
    [
        (1, 1, True, "expected 1, got True"),
        ("a", "a", "b", "expected 'a', got 'b'"),
        (None, None, "", "expected None"),
        ({"a": 1}, {"a": 1, "b": 2}, {"b": 2}, 'expected a member "a"'),
        ({"a": 1}, {"a": 1}, [1], "expected an object"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a/b/1: expected 2"),
        ([1], [1], [1, 2], "expected 1 items, got 2"),
        ([1], [1], "1", "expected a list"),
        ([], [], [0], "expected 0 items"),
        ({"$any": True}, None, ..., ""),
        ({"$any": "str"}, "x", "", "expected str, not empty"),
        ({"$any": "list"}, [1], {}, "expected list, not empty"),
        ({"$is": {"a": 1}}, {"a": 1}, {"a": 1, "b": 2}, "expected exactly"),
        ({"$match": "^a"}, "ab", "ba", "expected a text like"),
        ({"$match": "a"}, "a", 1, "expected a text like"),
        ({"$count": 2}, [1, 2], [1], "expected 2 of them, got 1"),
        ({"$bytes": 2}, "\u00e9", "\u00e9a", "at most 2 bytes of text, got 3"),
        ({"$bytes": 2}, "a", ["a"], "at most 2 bytes of text, got None"),
        ({"$count": 2}, "ab", 5, "expected 2 of them, got None"),
        ({"$has": [{"a": 1}]}, [{}, {"a": 1, "b": 2}], [{}], "expected an item"),
        ({"$has": [1]}, [1], 1, "expected an item"),
        ({"$lacks": [{"a": 1}]}, [{"a": 2}], [{"a": 1, "b": 2}], "expected no item"),
        ({"$lacks": [1]}, [], 1, "expected no item"),
        ({"$each": {"a": 1}}, [{"a": 1}, {"a": 1}], [{"a": 1}, {"a": 2}], "1/a: expected 1"),
        ({"$each": 1}, [], {}, "expected a list"),
        ({"$ends": [2, 3]}, [1, 2, 3], [1, 2], "end/0: expected 2, got 1"),
        ({"$ends": [1]}, [1], 1, "end: expected a list"),
        ({"$order": [1, {"a": 2}]}, [0, 1, 0, {"a": 2}], [{"a": 2}, 1], "in this order"),
        ({"$order": [1, 1]}, [1, 1], [1], "in this order"),
        ({"$order": [1]}, [1], 1, "in this order"),
        ({"$distinct": True}, [1, [2], 3], [[2], 1, [2]], "expected no item twice"),
        ({"$between": [1, 9]}, 9, 10, "expected a number of 1 to 9, got 10"),
        ({"$between": [1, 9]}, 1.5, "5", "expected a number"),
        ({"$not": {"a": 1}}, {"a": 2}, {"a": 1}, "expected anything but"),
        ({"$count": 1, "$has": [1]}, [1], [2], "expected an item"),
    ],
)
def test_a_pattern_matches_and_says_where_it_does_not(
    pattern: object, good: object, bad: Any, said: str
) -> None:
    assert mismatch(pattern, good) == ""
    if bad is not ...:
        assert said in mismatch(pattern, bad)


def test_long_values_are_cut() -> None:
    text = "a" + "x" * 8192 + "(8194 characters)"
    told = shown(text)
    assert told.startswith("'axx")
    assert told.endswith("xx(8194 characters)'")  # the text's own end, where a pattern may look
    assert " \u00ab7912 characters are left out here\u00bb " in told
    assert len(told) < 350
