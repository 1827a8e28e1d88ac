"""Evidence files: samples, reading, writing, resuming."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from transportlab.data import SPEC
from transportlab.evidence.record import (
    BYTES,
    Arm,
    Evidence,
    EvidenceError,
    load,
    quantiles,
    resume,
    rounded,
    write,
)

Synthesize = Callable[..., dict[str, Any]]
Write = Callable[..., Path]

SCHEMA = json.loads((SPEC / "evidence.schema.json").read_text())
ARM = Arm("x-json", "x", "json", "arm")


def test_quantiles_are_every_five_percent() -> None:
    assert quantiles(range(101)) == [float(step) for step in range(0, 101, 5)]


def test_quantiles_between_values_are_interpolated() -> None:
    assert quantiles([3, 1])[10] == 2.0
    assert quantiles([1, 3])[5] == 1.5


def test_one_value_has_all_quantiles_equal() -> None:
    assert quantiles([7.5]) == [7.5] * 21


@pytest.mark.parametrize(
    ("value", "kept"), [(0.000123456, 0.0001235), (123456.0, 123500.0), (0, 0)]
)
def test_four_significant_digits_are_kept(value: float, kept: float) -> None:
    assert rounded(value) == kept


def test_a_sample_names_its_arm_and_tells_how_many_calls_are_behind_it() -> None:
    found = ARM.many("Read/1", "latency", [0.1, 0.2, 0.3])
    assert (found.arm, found.n, found.kind, found.value) == ("x-json", 3, "quantiles", 0.2)
    assert ARM.one("x", "rss-host", 2048, BYTES).values == [2048.0]


def test_what_was_seen_once_is_one_value() -> None:
    assert ARM.many("bytes/1", "latency", [0.25]) == ARM.one("bytes/1", "latency", 0.25)


def test_a_sample_of_calls_in_order_has_the_medians_of_both_halves() -> None:
    calls = [5.0, 4.0, 3.0, 1.0, 1.0]
    assert ARM.many("x", "latency", calls).halves == (4.5, 1.0)
    assert ARM.many("x", "latency", calls, in_order=False).halves == ()
    assert ARM.one("x", "total", 1.0).halves == ()


@pytest.fixture
def interrupted(synthesize: Synthesize) -> Evidence:
    """A run that has two blocks so far."""
    made = synthesize(blocks=1)
    made |= {"complete": False, "blocks": made["blocks"][:2]}
    return msgspec.convert(made, Evidence)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "evidence.json"


def test_what_is_written_is_what_the_schema_says_and_is_read_back(
    path: Path, interrupted: Evidence
) -> None:
    interrupted.facts["cpus"] = (0, 1)
    write(path, interrupted)
    document = json.loads(path.read_text())
    jsonschema.validate(document, SCHEMA)
    assert list(document) == SCHEMA["required"]
    interrupted.facts["cpus"] = [0, 1]
    assert load(path) == interrupted


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("blocks/0/samples/0/values", [1.0, 2.0]),
        ("blocks/0/suite", "other"),
        ("complete", "yes"),
        ("facts/source_sha256", "none"),
    ],
)
def test_the_schema_refuses_what_is_no_evidence(
    synthesize: Synthesize, way: str, value: Any
) -> None:
    made = synthesize(blocks=1)
    jsonschema.validate(made, SCHEMA)
    _set(made, way, value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made, SCHEMA)


def test_each_member_and_each_block_has_a_line_of_its_own(
    path: Path, interrupted: Evidence
) -> None:
    write(path, interrupted)
    lines = path.read_text().splitlines()
    assert sum('"suite"' in line for line in lines) == len(interrupted.blocks)
    assert sum(line.startswith(' "') for line in lines) == len(SCHEMA["required"])


def test_a_compressed_file_is_read_back_and_always_the_same(
    tmp_path: Path, interrupted: Evidence
) -> None:
    path = tmp_path / "run.json.gz"
    for complete in (False, True):
        interrupted.complete = complete
        write(path, interrupted)
        assert load(path) == interrupted
    data = path.read_bytes()
    write(path, interrupted)
    assert path.read_bytes() == data
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(EvidenceError, match="cannot be read: not whole"):
        load(path)


def test_nothing_but_the_file_is_left_beside_it(path: Path, interrupted: Evidence) -> None:
    write(path, interrupted)
    write(path, interrupted)
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_file_as_it_was(path: Path, interrupted: Evidence) -> None:
    write(path, interrupted)
    before = path.read_bytes()
    (path.parent / f".{path.name}.part").mkdir()
    interrupted.blocks.clear()
    with pytest.raises(EvidenceError, match="cannot be written"):
        write(path, interrupted)
    assert path.read_bytes() == before


def _set(made: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split("/")
    at: Any = made
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", 2, "format 2; this version reads format 1"),
        ("seed", "x", r"\$.seed"),
        ("arms/1/id", "grpc-protobuf", "is there twice"),
        ("arms/0/role", "king", r"arms\[0\]"),
        ("blocks/0/suite", "nothing", "blocks/0: suite nothing"),
        ("blocks/0/samples/0/arm", "nobody", "blocks/0/samples/0: arm nobody"),
        ("blocks/0/samples/0/values", [1.0, 2.0], "blocks/0/samples/0: 2 values"),
        ("blocks/0/samples/0/values", [float(21 - n) for n in range(21)], "quantiles fall"),
        ("blocks/0/samples/0/values", [-1.0] * 21, "negative"),
    ],
)
def test_a_file_that_is_no_evidence_says_where_and_why(
    write_evidence: Write, synthesize: Synthesize, path: str, value: Any, words: str
) -> None:
    made = synthesize(blocks=1)
    _set(made, path, value)
    file = write_evidence(made)
    with pytest.raises(EvidenceError, match=words) as raised:
        load(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"blocks": []}', "\x00"])
def test_what_is_no_evidence_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(EvidenceError, match=r"other\.json: not an evidence file"):
        load(tmp_path / "other.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"none\.json: cannot be read"):
        load(tmp_path / "none.json")


def test_a_run_is_resumed_with_the_blocks_and_the_seed_that_it_has(
    path: Path, interrupted: Evidence
) -> None:
    interrupted.facts["cpus"] = (0, 1)
    write(path, interrupted)
    fresh = msgspec.structs.replace(interrupted, seed=99, dirty=True, blocks=[])
    found = resume(path, fresh)
    assert found.blocks == interrupted.blocks
    assert found.seed == interrupted.seed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile": "full"}, "profile: 'quick' and 'full'"),
        ({"commit": "d"}, "and 'd'"),
        ({"facts": {"kernel": "Linux 7"}}, r"fact kernel: 'Linux \| 6' and 'Linux 7'"),
        ({"facts": {"new": 1}}, "fact new: None and 1"),
        ({"suites": {}}, "suites: "),
        ({"arms": []}, "arms: "),
    ],
)
def test_a_run_is_not_resumed_under_other_conditions(
    path: Path, interrupted: Evidence, change: dict[str, Any], words: str
) -> None:
    write(path, interrupted)
    if "facts" in change:
        change = {"facts": interrupted.facts | change["facts"]}
    with pytest.raises(EvidenceError, match="under other conditions.*" + words):
        resume(path, msgspec.structs.replace(interrupted, **change))


def test_a_complete_run_is_not_resumed(path: Path, interrupted: Evidence) -> None:
    interrupted.complete = True
    write(path, interrupted)
    with pytest.raises(EvidenceError, match="nothing to resume"):
        resume(path, interrupted)
