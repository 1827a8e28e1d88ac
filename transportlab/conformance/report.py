"""What a person sees of a run: totals per arm, each failure with what replays it, the ladder."""

import shlex
import xml.etree.ElementTree as ET  # it writes here, and parses nothing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from transportlab import __version__
from transportlab.conformance.result import (
    ArmResult,
    Outcome,
    Report,
    Status,
    by_status,
    ladder,
    level_name,
)


def totals_line(arm: ArmResult) -> str:
    """An arm's totals, all five, and why vectors were not run."""
    reasons = {o.reason for o in arm.outcomes if o.status is Status.NOT_RUN}
    why = f" (not run: {'; '.join(sorted(reasons))})" if reasons else ""
    return f"{arm.name:14} {by_status(arm.totals())}{why}"


def outcome_text(arm: ArmResult, outcome: Outcome, replay: Sequence[str]) -> str:
    """A failure or a harness error: what, why, where, expected and got, and how to see it again."""
    vector = outcome.vector
    lines = [f"{outcome.status.upper()} {arm.name} {vector.id} [{', '.join(vector.clauses)}]"]
    lines.append(f"  why: {vector.why}")
    if outcome.failure is not None:
        failure = outcome.failure
        lines.append(f"  step {failure.step}: {failure.doing}")
        lines.append(f"  {failure.problem}")
    if outcome.reason:
        lines.append(f"  {outcome.reason}")
    lines.append(f"  replay: {replay_command(arm, outcome, replay)}")
    return "\n".join(lines)


def replay_command(arm: ArmResult, outcome: Outcome, options: Sequence[str]) -> str:
    """The one command that runs this vector on this arm again."""
    command = ["transportlab", "conformance", "--transport", arm.transport, "--codec", arm.codec]
    return shlex.join([*command, *options, "--vector", outcome.vector.id])


def summary(report: Report) -> Iterator[str]:
    """After the last arm: who is to blame, where arms disagree, and the next rung."""
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
            yield from _rung(arm)
    yield f"{'OK' if report.ok else 'FAILED'}: {len(report.vectors)} vectors"


def _rung(arm: ArmResult) -> Iterator[str]:
    level, following = ladder(arm)
    yield f"LADDER {arm.name}: level {level_name(level)}"
    if following is not None:
        vector = following.vector
        yield f"  next: {vector.id} (level {vector.level}) [{', '.join(vector.clauses)}]"
        if following.failure is not None:
            yield f"  by: {following.failure.doing}"
        yield f"  likely cause: {vector.cause}"


# Results as files: JSON Lines while the run goes on, and JUnit's XML at its end.
#
# Each line of the first is flushed as its vector ends, so that a crash of the run loses nothing.

FORMAT = 1

SKIPPED = (Status.UNSUPPORTED, Status.NOT_RUN)


class JsonLines:
    """A run as JSON Lines: first the head, then a line per outcome, last the totals."""

    def __init__(self, file: IO[bytes], vectors: int) -> None:
        self._file = file
        self._write({"format": FORMAT, "project_version": __version__, "vectors": vectors})

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")
        self._file.flush()

    def outcome(self, arm: ArmResult, outcome: Outcome) -> None:
        """One vector on one arm."""
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
        self._write(_printable(line))

    def end(self, report: Report) -> None:
        """The totals, what the oracle found, and whether all is well."""
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
        self._write(_printable(end))


def _printable(value: Any) -> Any:
    """The value with lone surrogates written out: JSON has no place for them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def write_junit(path: Path, report: Report) -> None:
    """A test suite per arm, a test case per vector; a disagreement is a failed case of its own."""
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
        ET.SubElement(case, "failure", message=clean(found.problem))
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
        failed = ET.SubElement(case, "failure", message=clean(outcome.failure.problem))
        failed.text = clean(f"{vector.why}\nstep {outcome.failure.step}: {outcome.failure.doing}")
    elif outcome.status is Status.HARNESS_ERROR:
        ET.SubElement(case, "error", message=clean(outcome.reason))
    elif outcome.status in SKIPPED:
        ET.SubElement(case, "skipped", message=clean(f"{outcome.status}: {outcome.reason}"))


def clean(text: str) -> str:
    """The text with what XML 1.0 cannot hold written as an escape."""
    return "".join(c if _in_xml(ord(c)) else ascii(c)[1:-1] for c in text)


def _in_xml(code: int) -> bool:
    if code < 0x20:  # noqa: PLR2004  # the ranges of XML 1.0, production [2] Char
        return code in (0x9, 0xA, 0xD)
    return not (0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF))  # noqa: PLR2004  # as above
