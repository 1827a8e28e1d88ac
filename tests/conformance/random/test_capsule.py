"""A capsule comes back as it was written; one that a person has changed wrongly is told."""

from pathlib import Path

import pytest

from transportlab.conformance.random.capsule import Capsule, load_capsule
from transportlab.conformance.random.steps import Adopt, Apply, Edit, Plan, Read, Wanted
from transportlab.errors import UsageError

JOB = Wanted("a", ("@hourly",), ("a1",))


def test_a_capsule_comes_back(tmp_path: Path) -> None:
    steps = (Plan("tl-random", (JOB,)), Apply(0, spoil="kind"), Edit("copy-pair", 3), Read())
    path = tmp_path / "capsule.json"
    Capsule(steps=steps, calls=[{"method": "Read"}]).write(path)
    assert load_capsule(path).steps == steps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a capsule of random sequences"),
        ('{"kind": "vector", "steps": []}', "not a capsule of random sequences"),
        ('{"kind": "random", "steps": [{"do": "fly"}]}', "not a capsule of random sequences"),
    ],
)
def test_what_is_no_capsule_is_told(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "capsule.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_capsule(path)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Apply(1), "step 2: plan: 1, but 1 plan steps come before it"),
        (Edit("fold"), 'step 2: kind: expected one of comment-out, .*, got "fold"'),
        (Edit("add-line", schedule="0 0 1 1 *"), "step 2: schedule: expected one of "),
        (Plan("web", (JOB,), flaw="salt"), 'step 2: flaw: expected one of app, .*, got "salt"'),
        (Adopt("web", Wanted("a", ("x",), ("a1",))), 'step 2: schedule: .*, got "x"'),
    ],
)
def test_a_step_that_cannot_be_played_is_told(
    step: Apply | Edit | Plan | Adopt, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "capsule.json"
    Capsule(steps=(Plan("tl-random"), step)).write(path)
    with pytest.raises(UsageError, match=said):
        load_capsule(path)


def test_a_capsule_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_capsule(tmp_path / "nothing")
