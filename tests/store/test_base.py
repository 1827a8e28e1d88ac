"""The vocabulary of stores: names, hashes, the order of entries."""

import pytest

from transportlab.store import Entry, by_job, is_hash, is_name, order


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a", True),
        ("a-1", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("", False),
        ("1a", False),
        ("-a", False),
        ("aB", False),
        ("ä", False),
        ("a.b", False),
        ("a\n", False),
    ],
)
def test_names(text: str, good: bool) -> None:
    assert is_name(text) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [("0", True), ("0f" * 32, True), ("0" * 65, False), ("", False), ("F", False), ("g", False)],
)
def test_hashes(text: str, good: bool) -> None:
    assert is_hash(text) is good


def test_entries_are_sorted_by_app_job_and_index() -> None:
    entries = [Entry("b", "a", 0), Entry("a", "b", 10), Entry("a", "b", 9), Entry("a", "a", 11)]
    assert sorted(entries, key=order) == entries[::-1]


def test_the_entries_of_an_app_by_job_keep_their_order() -> None:
    first, other, second = Entry("a", "j", 1), Entry("b", "j", 0), Entry("a", "j", 0)
    assert by_job([first, other, second], "a") == {"j": (first, second)}
    assert by_job([], "a") == {}
