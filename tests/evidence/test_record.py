"""The evidence file while it grows."""

import json
from pathlib import Path
from typing import Any

import pytest

from transportlab.evidence.record import Store, StoreError, resume

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "profile": "quick",
    "seed": 3,
    "complete": False,
    "commit": "c",
    "project_version": "1",
    "facts": {"kernel": "Linux 6", "cpus": (0, 1)},
    "arms": [],
    "suites": {},
}
BLOCK: dict[str, Any] = {"suite": "unary", "placement": "same", "number": 0, "samples": []}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "evidence.json"


def test_the_file_holds_the_document_and_its_blocks(path: Path) -> None:
    store = Store(path, DOCUMENT, [])
    store.add([BLOCK])
    store.write()
    found = json.loads(path.read_text())
    assert found["blocks"] == [BLOCK]
    assert found["facts"] == {"kernel": "Linux 6", "cpus": [0, 1]}


def test_each_block_has_a_line_of_its_own(path: Path) -> None:
    store = Store(path, DOCUMENT, [])
    store.add([BLOCK, BLOCK | {"number": 1}])
    store.write()
    assert sum('"suite"' in line for line in path.read_text().splitlines()) == 2


def test_nothing_but_the_file_is_left_beside_it(path: Path) -> None:
    store = Store(path, DOCUMENT, [])
    store.write()
    store.write()
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    store = Store(path, DOCUMENT, [])
    store.write()
    before = path.read_bytes()
    (path.parent / f".{path.name}.part").mkdir()
    store.add([BLOCK])
    with pytest.raises(StoreError, match="cannot be written"):
        store.write()
    assert path.read_bytes() == before


def test_a_run_goes_on_with_the_blocks_and_the_seed_that_it_has(path: Path) -> None:
    first = Store(path, DOCUMENT, [BLOCK])
    first.write()
    second = resume(path, DOCUMENT | {"seed": 99})
    assert second.done == {("unary", "same", 0)}
    assert second.document["seed"] == 3
    second.add([BLOCK | {"number": 1}])
    second.write()
    assert [b["number"] for b in json.loads(path.read_text())["blocks"]] == [0, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": "full"}, "profile was 'quick', is 'full'"),
        ({"commit": "d"}, "commit was 'c', is 'd'"),
        ({"facts": {"kernel": "Linux 7", "cpus": (0, 1)}}, "facts/kernel was 'Linux 6'"),
        ({"facts": {"kernel": "Linux 6", "cpus": (0, 1), "new": 1}}, "facts/new was None, is 1"),
    ],
)
def test_a_run_does_not_go_on_under_other_conditions(
    path: Path, change: dict[str, Any], words: str
) -> None:
    Store(path, DOCUMENT, []).write()
    with pytest.raises(StoreError, match="other conditions") as caught:
        resume(path, DOCUMENT | change)
    assert words in str(caught.value)


def test_a_complete_run_does_not_go_on(path: Path) -> None:
    Store(path, DOCUMENT | {"complete": True}, []).write()
    with pytest.raises(StoreError, match="nothing to go on with"):
        resume(path, DOCUMENT)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(StoreError, match=r"evidence\.json cannot be read"):
        resume(path, DOCUMENT)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"blocks": []}', "\x00"])
def test_what_is_no_evidence_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(StoreError, match="not an evidence file"):
        resume(path, DOCUMENT)
