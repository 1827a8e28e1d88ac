"""Mistakes in the suite's files: told with path, line, field, and what was probably meant."""

from pathlib import Path

import pytest
from msgspec import Struct

from transportlab.conformance.reading import line_of, read
from transportlab.errors import UsageError


class Item(Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0
    more: dict[str, int] = {}


class Form(Struct, forbid_unknown_fields=True):
    items: list[Item]


GOOD = """{
  "items": [
    {"name": "a"},
    {
      "name": "b \\" { [",
      "size": 2
    }
  ]
}"""


def said(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "file.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError) as caught:
        read(path, Form, "a list")
    return str(caught.value).removeprefix(str(tmp_path))


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(GOOD)
    assert read(path, Form, "a list").items[1].size == 2


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"size"', '"sise"', "file.json:6: not a list: Object contains unknown field `sise`"),
        ('"size"', '"sise"', '; is it "size"?'),
        ("2\n", '"2"\n', "file.json:6: not a list: Expected `int`, got `str`"),
        ('{"name": "a"}', "{}", "file.json:3: not a list: Object missing required field `name`"),
        ('"items"', '"item"', "file.json:2: not a list: Object contains unknown field `item`"),
        ('"size": 2', '"more": {"x": "y"}', "file.json:6: not a list: Expected `int`"),
        ("[\n", "7, [\n", "file.json:2: not a list: "),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in said(tmp_path, GOOD.replace(old, new, 1))


def test_what_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    assert "/file.json:3: not a list: JSON is malformed" in said(tmp_path, '{\n"items":\n oops')
    assert "/file.json:2: not a list: Input data was truncated" in said(tmp_path, '{\n"items": [')
    assert "/file.json:2: not a list: not UTF-8" in said(
        tmp_path, b'{"items": [\n{"name": "\xff"}]}'
    )


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError, match="cannot be read: "):
            read(path, Form, "a list")


def test_a_line_is_found_by_the_way_to_it(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(GOOD)
    assert line_of(path, ("items", 1, "size")) == 6
    assert line_of(path, ("items", 0, "name")) == 3
    assert line_of(path, ("items", 1, "nothing")) == 4
    assert line_of(path, ("items", 7)) == 2
