"""A run's results as text for people, as JSON Lines, and as JUnit's XML.

Text and JSON Lines come while the run goes on: every line of the latter is flushed as its vector
ends, so a crash of the run loses none. JUnit's file is written at the end.
"""

import shlex
import xml.etree.ElementTree as ET  # it writes here, and parses nothing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from transportlab import __version__
from transportlab.conformance.ending import with_texts
from transportlab.conformance.result import (
    ArmResult,
    Outcome,
    Report,
    Status,
    by_status,
    ladder,
    level_name,
)

FORMAT = 1
"""Of the JSON Lines."""

SKIPPED = (Status.UNSUPPORTED, Status.NOT_RUN)


def totals_line(arm: ArmResult) -> str:
    """How many vectors ended in each of the five statuses, and why some were not run."""
    reasons = {o.reason for o in arm.outcomes if o.status is Status.NOT_RUN}
    why = f" (not run: {'; '.join(sorted(reasons))})" if reasons else ""
    return f"{arm.name:14} {by_status(arm.totals())}{why}"


SUITE = ("conformance",)
"""The words after `transportlab` that run the suite of plugins."""


def outcome_text(
    arm: ArmResult, outcome: Outcome, replay: Sequence[str], suite: Sequence[str] = SUITE
) -> str:
    """A failure or a harness error: the vector, what went wrong, and the command to repeat it."""
    vector = outcome.vector
    lines = [f"{outcome.status.upper()} {arm.name} {vector.id} [{', '.join(vector.clauses)}]"]
    lines.append(f"  why: {vector.why}")
    if outcome.failure is not None:
        failure = outcome.failure
        lines.append(f"  step {failure.step}: {failure.doing}")
        lines.append(f"  {failure.problem}")
    if outcome.reason:
        lines.append(f"  {outcome.reason}")
    lines.append(f"  replay: {replay_command(arm, outcome, replay, suite)}")
    return "\n".join(lines)


def replay_command(
    arm: ArmResult, outcome: Outcome, options: Sequence[str], suite: Sequence[str] = SUITE
) -> str:
    """The command that runs this vector on this arm again. options: those that name the subject."""
    arms = ["--transport", arm.transport, *(["--codec", arm.codec] if arm.codec else [])]
    command = ["transportlab", *suite, *arms, *options, "--vector", outcome.vector.id]
    return shlex.join(command)


def summary(report: Report, *, whole: bool = True) -> Iterator[str]:
    """The lines after the last arm: who is to blame, where arms disagree, what to fix next.

    whole: whether no vector was left out, as a level is reached by all of its vectors.
    """
    for arm in report.arms:
        for outcome in arm.bad():
            if outcome.failure is not None and outcome.failure.blame:
                yield f"BLAME {arm.name} {outcome.vector.id}: the {outcome.failure.blame}"
    for found in report.disagreements:
        name = f"{found.transport}-{found.codec} {found.vector.id}"
        yield f"DISAGREEMENT {name}: the binding differs from the arm without a wire"
        yield f"  {found.problem}"
    for arm in report.arms:
        if arm.bad():
            yield from _rung(arm, whole=whole)
    nothing = "" if report.passed else ", none of which passed"
    count = len(report.vectors)
    vectors = f"{count} vector{'s' if count != 1 else ''}"
    yield f"{'OK' if report.ok else 'FAILED'}: {vectors}{nothing}"


def _rung(arm: ArmResult, *, whole: bool) -> Iterator[str]:
    level, following = ladder(arm)
    names = arm.outcomes[0].vector.LADDER
    reached = f"level {level_name(level, names)}" if whole else "no level, as not all vectors ran"
    yield f"LADDER {arm.name}: {reached}"
    if following is not None:
        vector = following.vector
        yield f"  next: {vector.id} (level {vector.level}) [{', '.join(vector.clauses)}]"
        if following.failure is not None:
            yield f"  by: {following.failure.doing}"
        yield f"  likely cause: {vector.cause}"


class JsonLines:
    """A run as JSON Lines: a head, then a line for each outcome, then the totals."""

    def __init__(self, file: IO[bytes], vectors: int) -> None:
        self._file = file
        self._write({"format": FORMAT, "project_version": __version__, "vectors": vectors})

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")
        self._file.flush()

    def outcome(self, arm: ArmResult, outcome: Outcome) -> None:
        """Write one vector's line."""
        vector = outcome.vector
        line: dict[str, Any] = {
            "transport": arm.transport,
            "codec": arm.codec,
            "vector": vector.id,
            "group": vector.group,
            "level": vector.level,
            "clauses": vector.clauses,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 4),
        }
        if outcome.reason:
            line["reason"] = outcome.reason
        if outcome.failure is not None:
            failure = outcome.failure
            line["failure"] = {
                "step": failure.step,
                "doing": failure.doing,
                "problem": failure.problem,
            }
        self._write(with_texts(line, _without_surrogates))

    def end(self, report: Report) -> None:
        """Write the last line: the totals, what the oracle found, and whether all is well."""
        found = [
            {"transport": d.transport, "codec": d.codec, "vector": d.vector.id, "got": d.problem}
            for d in report.disagreements
        ]
        blame = [
            {"transport": a.transport, "codec": a.codec, "vector": o.vector.id, "blame": b}
            for a in report.arms
            for o in a.bad()
            if o.failure is not None and (b := o.failure.blame)
        ]
        end = {"ok": report.ok, **report.evidence(), "disagreements": found, "blame": blame}
        self._write(with_texts(end, _without_surrogates))


def _without_surrogates(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot encode, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_junit(path: Path, report: Report) -> None:
    """Write a test suite for each arm, in it a case for each vector and for each disagreement."""
    root = ET.Element("testsuites", name="conformance")
    for arm in report.arms:
        root.append(_suite(arm, report))
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(arm: ArmResult, report: Report) -> ET.Element:
    differing = [
        d for d in report.disagreements if (d.transport, d.codec) == (arm.transport, arm.codec)
    ]
    totals = arm.totals()
    suite = ET.Element(
        "testsuite",
        name=arm.name,
        tests=str(len(arm.outcomes) + len(differing)),
        failures=str(totals[Status.FAIL] + len(differing)),
        errors=str(totals[Status.HARNESS_ERROR]),
        skipped=str(sum(totals[status] for status in SKIPPED)),
        time=f"{sum(o.seconds for o in arm.outcomes):.3f}",
    )
    for outcome in arm.outcomes:
        _case(suite, outcome)
    for found in differing:
        case = ET.SubElement(
            suite, "testcase", classname="differential", name=found.vector.id, time="0.000"
        )
        ET.SubElement(case, "failure", message=xml_text(found.problem))
    return suite


def _case(suite: ET.Element, outcome: Outcome) -> None:
    vector = outcome.vector
    case = ET.SubElement(
        suite,
        "testcase",
        classname=vector.group,
        name=vector.id,
        time=f"{outcome.seconds:.3f}",
    )
    if outcome.failure is not None:
        failed = ET.SubElement(case, "failure", message=xml_text(outcome.failure.problem))
        failed.text = xml_text(
            f"{vector.why}\nstep {outcome.failure.step}: {outcome.failure.doing}"
        )
    elif outcome.status is Status.HARNESS_ERROR:
        ET.SubElement(case, "error", message=xml_text(outcome.reason))
    elif outcome.status in SKIPPED:
        ET.SubElement(case, "skipped", message=xml_text(f"{outcome.status}: {outcome.reason}"))


def xml_text(text: str) -> str:
    """The text with characters that XML 1.0 does not allow written as escapes."""
    return "".join(c if _in_xml(ord(c)) else ascii(c)[1:-1] for c in text)


def _in_xml(code: int) -> bool:
    if code < 0x20:  # noqa: PLR2004  # the ranges of XML 1.0, production [2] Char
        return code in (0x9, 0xA, 0xD)
    return not (0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF))  # noqa: PLR2004  # as above
