"""What counts: revision 1 as it was frozen, advisory vectors, and known failures."""

import datetime
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from transportlab.conformance.host.vectors import load_host_vectors
from transportlab.conformance.reading import read
from transportlab.conformance.report import outcome_text, summary, totals_lines
from transportlab.conformance.result import ArmResult, Outcome, Report, Status, ladder
from transportlab.conformance.standing import REVISIONS, Revision, load_standing, revisions
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.data import SPEC
from transportlab.errors import UsageError

Make = Callable[..., Vector]
Ended = Callable[..., Outcome]
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}
TODAY = datetime.date(2026, 6, 15)

FROZEN = {
    1: {
        "plugin": (376, "034eaa2c5664ce07c6a26c3e0a353f8ee351ffeb55826625383470eca3c7518c"),
        "host": (193, "90c758fb1a01c9b532412c26633a543b1c5a2457575be3bb0e9a97a1718f55e2"),
    }
}
"""How many vectors each revision requires, and the SHA-256 of their ids, a line each."""


@pytest.mark.parametrize("number", FROZEN)
def test_the_list_of_a_revision_does_not_change(number: int) -> None:
    found = read(REVISIONS / f"{number}.json", Revision, "a revision")
    assert found.revision == number
    for name, (count, digest) in FROZEN[number].items():
        ids = getattr(found, name)
        assert len(set(ids)) == count
        assert hashlib.sha256("".join(f"{i}\n" for i in ids).encode()).hexdigest() == digest


def test_each_revision_is_frozen_and_keeps_to_the_schema() -> None:
    assert revisions() == sorted(FROZEN)
    schema = json.loads((SPEC / "revision.schema.json").read_text())
    for path in REVISIONS.glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema)


def test_what_a_revision_requires_is_there() -> None:
    found = read(REVISIONS / "1.json", Revision, "a revision")
    assert set(found.plugin) <= {vector.id for vector in load_vectors()}
    assert set(found.host) <= {vector.id for vector in load_host_vectors()}


@pytest.fixture
def known(tmp_path: Path) -> Callable[..., Path]:
    """known(id, ...) is a file that knows them to fail, for a reason and until a date."""

    def write(*ids: str, until: str = "2026-12-31", **members: Any) -> Path:
        path = tmp_path / "known.json"
        entries = [{"id": id_, "reason": "issue 7", "until": until, **members} for id_ in ids]
        path.write_text(json.dumps({"known": entries}, indent=2))
        return path

    return write


def standing(vectors: list[Vector], **options: Any) -> Any:
    return load_standing(vectors, lambda revision: revision.plugin, today=TODAY, **options)


def test_a_new_vector_is_advisory_and_fails_nothing(make: Make, ended: Ended) -> None:
    vectors = [make(READ, id="read-empty"), make(READ, id="brand-new", level=0)]
    arm = ArmResult("http", "json", True)
    for vector, status in zip(vectors, (Status.PASS, Status.FAIL), strict=True):
        outcome = ended(vector, status)
        standing(vectors).mark(arm, outcome)
        arm.outcomes.append(outcome)
    report = Report(tuple(vectors), (arm,), ())
    assert report.ok
    assert ladder(arm) == (1, None)
    assert next(iter(totals_lines(arm))).endswith("0 harness error; advisory: 1 fail")
    text = outcome_text(arm, arm.outcomes[1], ["--revision", "1"])
    assert text.startswith("ADVISORY FAIL http-json brand-new")
    for outcome in arm.outcomes:
        standing(vectors, revision="next").mark(arm, outcome)
    assert not report.ok


def test_a_known_failure_is_shown_and_fails_nothing(
    make: Make, ended: Ended, known: Callable[..., Path]
) -> None:
    path = known("read-empty")
    jsonschema.validate(
        json.loads(path.read_text()), json.loads((SPEC / "known.schema.json").read_text())
    )
    vectors = [make(READ, id="read-empty"), make(READ, id="read-a-missing-app")]
    found = standing(vectors, known=path, revision="next")
    arm = ArmResult(
        "http", "json", True, [ended(vectors[0], Status.FAIL), ended(vectors[1], Status.PASS)]
    )
    for outcome in arm.outcomes:
        found.mark(arm, outcome)
    report = found.judged(Report(tuple(vectors), (arm,), ()))
    assert report.ok
    assert report.fixed == ()
    shown = outcome_text(arm, arm.outcomes[0], [])
    assert shown == "KNOWN http-json read-empty: issue 7 (until 2026-12-31)"
    assert "(1 failure known)" in next(iter(totals_lines(arm)))
    assert ladder(arm)[0] == 0  # the level is what is reached, whatever is known
    assert [*summary(report)][-1] == "OK: 2 vectors, 1 failure known"


def test_a_known_failure_that_passes_fails_the_run(
    make: Make, ended: Ended, known: Callable[..., Path]
) -> None:
    vector = make(READ, id="read-empty")
    path = known("read-empty")
    found = standing([vector], known=path)
    arm = ArmResult("http", "json", True, [ended(vector, Status.PASS)])
    report = found.judged(Report((vector,), (arm,), ()))
    assert not report.ok
    lines = [*summary(report, path=found.path)]
    assert f"FIXED read-empty: it passes; take it out of {path}" in lines
    other = ArmResult("grpc", "json", True, [ended(vector, Status.FAIL)])
    assert found.judged(Report((vector,), (arm, other), ())).fixed == ()
    untried = ArmResult("grpc", "json", True, [ended(vector, Status.UNSUPPORTED)])
    assert found.judged(Report((vector,), (untried,), ())).fixed == ()


def test_a_known_failure_may_be_of_one_transport(
    make: Make, ended: Ended, known: Callable[..., Path]
) -> None:
    vector = make(READ, id="read-empty")
    found = standing([vector], known=known("read-empty", transports=["http"]))
    for name, expected in (("http", True), ("grpc", False)):
        outcome = ended(vector, Status.FAIL)
        found.mark(ArmResult(name, "json", True), outcome)
        assert outcome.bad is not expected
    error = ended(vector, Status.HARNESS_ERROR)
    found.mark(ArmResult("http", "json", True), error)
    assert error.bad  # nobody expects an error of the suite


def test_a_date_that_has_passed_makes_it_a_failure(
    make: Make, ended: Ended, known: Callable[..., Path]
) -> None:
    vector = make(READ, id="read-empty")
    arm = ArmResult("http", "json", True)
    for until, bad in (("2026-06-15", False), ("2026-06-14", True)):
        outcome = ended(vector, Status.FAIL)
        standing([vector], known=known("read-empty", until=until)).mark(arm, outcome)
        assert outcome.bad is bad
    assert "known until 2026-06-14, which is over: issue 7" in outcome_text(arm, outcome, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"known": [\n{"id": "read-emty", "reason": "r", "until": "2026-01-01"}]}',
         'known.json:2: unknown vector "read-emty"; is it "read-empty"?'),
        ('{"known": [\n{"id": "read-empty", "reason": "r", "untill": "2026-01-01"}]}',
         'known.json:2: not known failures: Object contains unknown field `untill` - at'
         ' `$.known[0]`; is it "until"?'),
        ('{"known": [{"id": "read-empty", "reason": "r", "until": "tomorrow"}]}',
         "known.json:1: not known failures: Invalid RFC3339 encoded date"),
        ('{"known": [{"id": "read-empty", "reason": "", "until": "2026-01-01"}]}',
         "known.json:1: not known failures: Expected `str` of length >= 1"),
        ('{"known": [{"id": "read-empty", "reason": "r", "until": "2026-01-01",'
         ' "transports": ["pigeon"]}]}', 'known.json:1: unknown transport "pigeon"; there are'),
        ('[', "known.json:1: not known failures: "),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told(tmp_path: Path, make: Make, text: str, said: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        standing([make(READ, id="read-empty")], known=path)
    assert said in str(caught.value)


def test_an_id_that_stands_twice_is_refused(make: Make, known: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r'known\.json:8: "read-empty" stands twice'):
        standing([make(READ, id="read-empty")], known=known("read-empty", "read-empty"))


def test_an_unknown_revision_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match='no revision "2"; there are 1, next'):
        standing([make(READ)], revision="2")
    assert standing([make(READ)]).revision == "1"
    assert replace(standing([make(READ)]), required=None).requires(make(READ))


def test_the_example_of_the_documentation_is_a_file_of_known_failures(tmp_path: Path) -> None:
    text = (SPEC.parent / "docs/conformance.md").read_text()
    [example] = [t for t in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if '"known"' in t]
    path = tmp_path / "known.json"
    path.write_text(example)
    assert len(standing(list(load_vectors()), known=path).known) == 2
