"""The history: what it holds, what it refuses, and the steps that are found in it."""

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests.command import Done, in_process
from transportlab.errors import UsageError
from transportlab.evidence.gate import history
from transportlab.evidence.gate.decide import Margins
from transportlab.evidence.gate.history import (
    MIN_BUILDS,
    Accepted,
    Build,
    Entry,
    Level,
    Subject,
    accept,
    append,
    change_points,
    load,
    trend,
)
from transportlab.evidence.gate.verdict import File, Verdict

WIDE = ["--fail-above", "100", "--pass-below", "900", "--seconds", "600"]
"""So that how busy the machine is decides nothing."""

OF = Subject("p", "", "bare spawns", "m", "3.11")
MARGINS = Margins()


def build(number: int, ratio: float, *, of: Subject = OF, transport: str = "a") -> Build:
    level = Level(ratio, ratio * 0.99, ratio * 1.01, 0.0025 * ratio, 0.0025, 60)
    name, at = f"c{number}", f"2026-11-{number % 28 + 1:02}T00:00:00Z"
    return Build(1, name, at, of, {transport: level}, File("/p", "ab"))


def builds(
    number: int, steps: dict[int, float], *, spread: float = 0.01, seed: int = 1
) -> list[Entry]:
    """Builds whose level lies about 10, and rises by so many percent at these numbers."""
    chance, level, found = Random(seed), 10.0, []
    for at in range(number):
        level *= 1 + steps.get(at, 0.0) / 100
        found.append(build(at, level * math.exp(chance.gauss(0, spread))))
    return list(found)


def test_a_series_of_small_steps_is_found_and_adds_up() -> None:
    """Each is +5 %, which the gate itself lets pass."""
    found = trend(builds(40, {12: 5, 22: 5, 32: 5}), "a")
    assert len(found.steps) == 3
    places = [int(step.build[1:]) for step in found.steps]
    assert all(abs(place - step) <= 1 for place, step in zip(places, (12, 22, 32), strict=True))
    assert found.percent == pytest.approx(15.8, abs=2)
    outcome = found.outcome(MARGINS)
    assert (outcome.transport, outcome.verdict) == ("a history", Verdict.REGRESSION)
    assert "more than 5 %; --accept REASON if that is meant" in outcome.why
    assert outcome.why.count(" ms") == 3


def test_a_level_without_steps_passes() -> None:
    outcome = trend(builds(40, {}), "a").outcome(MARGINS)
    assert (outcome.verdict, outcome.why) == (Verdict.PASS, "no step since c0")


def test_a_faster_build_is_told_and_passes() -> None:
    outcome = trend(builds(40, {20: -20}), "a").outcome(MARGINS)
    assert outcome.verdict is Verdict.PASS
    assert outcome.why.startswith("-19.8 % since c0")


def test_a_step_is_found_soon() -> None:
    found = trend(builds(24, {21: 6}), "a")
    assert [step.build for step in found.steps] == ["c21"]


@pytest.mark.long
def test_few_histories_without_a_step_have_one() -> None:
    chance = Random(1)
    false = sum(
        bool(change_points([math.exp(chance.gauss(0, 0.015)) for _ in range(60)]))
        for _ in range(100)
    )
    assert false <= 5


def test_what_is_accepted_is_the_new_level(tmp_path: Path) -> None:
    path = tmp_path / "h"
    entries = builds(40, {20: 8})
    for entry in entries[:30]:
        append(path, entry)
    assert trend(load(path), "a").outcome(MARGINS).verdict is Verdict.REGRESSION
    assert accept(path, "a better parser") == "c29"
    assert trend(load(path), "a").outcome(MARGINS).verdict is Verdict.PASS
    for entry in entries[30:]:
        append(path, entry)
    found = load(path)
    assert isinstance(found[30], Accepted)
    assert found[:30] == entries[:30]
    outcome = trend(found, "a").outcome(MARGINS)
    assert (outcome.verdict, outcome.why) == (Verdict.PASS, "no step since c29")


def test_few_builds_say_nothing() -> None:
    outcome = trend(builds(MIN_BUILDS - 1, {3: 50}), "a").outcome(MARGINS)
    assert outcome.verdict is Verdict.MEASURED
    assert f"{MIN_BUILDS - 1} of the {MIN_BUILDS} builds" in outcome.why


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1: not a history of the gate"),
        ('{"kind":"build"}', "line 1: not a history"),
        ('{"kind":"accepted","reason":"","at":""}\n[]', "line 2: not a history"),
    ],
)
def test_a_file_that_is_no_history_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "h"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="has no build"):
        accept(tmp_path / "none", "why")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)


def test_a_build_that_cannot_be_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "h"
    append(path, msgspec.structs.replace(build(1, 10.0), format=2))
    with pytest.raises(UsageError, match="line 1: format 2; this version reads 1"):
        load(path)
    path.write_bytes(b"")
    append(path, build(1, -10.0))
    with pytest.raises(UsageError, match="line 1: levels/a: expected 0 < low"):
        load(path)


@pytest.mark.parametrize(
    ("member", "told"),
    [
        ("build", "of another build: it has p, this is other"),
        ("plugin", "of another plugin: it has none, this is other"),
        ("reference", "against another reference: it has bare spawns, this is other"),
        ("machine", "of another machine: it has m, this is other"),
        ("python", "of another Python: it has 3.11, this is other"),
    ],
)
def test_a_history_of_something_else_is_refused(tmp_path: Path, member: str, told: str) -> None:
    now = Subject(**{**{name: getattr(OF, name) for name in OF.__struct_fields__}, member: "other"})
    with pytest.raises(UsageError, match=told):
        history.check(tmp_path / "h", builds(2, {}), now)
    history.check(tmp_path / "h", builds(2, {}), OF)
    history.check(tmp_path / "h", [], OF)


def gate(path: Path, bare: Path, stdio: str, *words: str) -> Done:
    options = ["--plugin", str(bare), "--history", str(path), "--transport", stdio]
    return in_process(["gate", *options, *WIDE, *words], {})


def stored(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.long
def test_builds_are_added_with_and_without_a_reference(
    tmp_path: Path, bare: Path, bare_base: Path, stdio: str
) -> None:
    path = tmp_path / "h"
    result = gate(path, bare, stdio, "--build", "c1")
    if result.code == 3:
        pytest.skip("not run: this machine is busy with other tests")
    assert result.code == 0, result.output
    [entry] = stored(path)
    assert (entry["name"], entry["subject"]["reference"]) == ("c1", "bare spawns")
    assert entry["levels"][stdio]["pairs"] == 60
    assert "1 of the 12 builds" in result.out
    result = gate(path, bare, stdio, "--against", str(bare_base))
    assert result.code == 2, result.output
    assert "against another reference" in result.output
    assert in_process(["gate", "--history", str(path), "--accept", "why"], {}).code == 0
    other = tmp_path / "h2"
    gate(other, bare, stdio, "--against", str(bare_base), "--no-counts")
    for entry in stored(other) if other.exists() else ():
        assert entry["subject"]["reference"].startswith("sha256 ")


def test_a_foreign_history_is_refused_before_anything_is_measured(
    tmp_path: Path, bare: Path, stdio: str
) -> None:
    path = tmp_path / "h"
    append(path, build(1, 10.0))
    result = gate(path, bare, stdio)
    assert result.code == 2, result.output
    assert "is a history of another build: it has p" in result.output
    assert "transport 1" not in result.err
