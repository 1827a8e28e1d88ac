"""A run's results as text for people, as JSON Lines, and as JUnit's XML.

Text and JSON Lines come while the run goes on: every line of the latter is flushed as its vector
ends, so a crash of the run loses none. JUnit's file is written at the end. markdown.py and badge.py
have two forms more, and capsule.py what is kept of one failure.
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
    BAD,
    ArmResult,
    Outcome,
    Report,
    Status,
    by_status,
    ladder,
    level_name,
)
from transportlab.data import write_file
from transportlab.words import explained

FORMAT = 1
"""Of the JSON Lines."""

SKIPPED = (Status.UNSUPPORTED, Status.NOT_RUN)

NAMED = 4
"""How many vectors a line names that gives the reason of many."""

PROGRAM = ["transportlab"]
"""The words that run the command. The suite in one file (tools/build_suite.py) puts its own."""

SUITE = ("conformance",)
"""The words after those that run the suite of plugins."""


def totals_lines(arm: ArmResult) -> Iterator[str]:
    """How many vectors ended in each status, and why some were not tried."""
    known, advisory = len(arm.known()), arm.totals(advisory=True)
    line = f"{arm.name:14} {by_status(arm.totals())}"
    if known:
        line += f" ({counted(known, 'failure')} known)"
    if any(advisory.values()):
        line += f"; advisory: {by_status({n: count for n, count in advisory.items() if count})}"
    yield line
    for status, reason, ids in skipped(arm):
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        yield f"  {status}, {reason}: {', '.join(ids[:NAMED])}{more}"


def skipped(arm: ArmResult) -> list[tuple[Status, str, list[str]]]:
    """The reasons why vectors were not tried, each with their ids: the most frequent first."""
    found: dict[tuple[Status, str], list[str]] = {}
    for outcome in arm.outcomes:
        if outcome.status in SKIPPED:
            found.setdefault((outcome.status, outcome.reason), []).append(outcome.vector.id)
    several = sorted(found.items(), key=lambda item: -len(item[1]))
    return [(status, reason, ids) for (status, reason), ids in several]


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count} {noun}{'s' if count != 1 else ''}"


def outcome_text(
    arm: ArmResult, outcome: Outcome, replay: Sequence[str], suite: Sequence[str] = SUITE
) -> str:
    """A failure or a harness error: the vector, what went wrong, and the command to repeat it."""
    vector = outcome.vector
    if outcome.known:
        return f"KNOWN {arm.name} {vector.id}: {outcome.known}"
    if outcome.untried and outcome.failure is not None:
        return f"NOT TRIED {arm.name}: {outcome.failure.problem}"
    word = f"ADVISORY {outcome.status.upper()}" if outcome.advisory else outcome.status.upper()
    lines = [f"{word} {arm.name} {vector.id} [{', '.join(vector.clauses)}]"]
    lines.append(f"  why: {vector.why}")
    if outcome.failure is not None:
        failure = outcome.failure
        lines.append(f"  step {failure.step}: {failure.doing}")
        lines.append(f"  {failure.problem}")
    if outcome.reason:
        lines.append(f"  {outcome.reason}")
    lines.append(f"  replay: {replay_command(arm, [outcome.vector.id], replay, suite)}")
    return "\n".join(lines)


def outcome_line(arm: ArmResult, outcome: Outcome) -> str:
    """Any outcome in one line."""
    word = f"{outcome.status}{', advisory' if outcome.advisory else ''}"
    reason = outcome.known or outcome.reason or (outcome.failure.problem if outcome.failure else "")
    return f"{arm.name} {outcome.vector.id}: {word}{f': {reason}' if reason else ''}"


def replay_command(
    arm: ArmResult, ids: Sequence[str], options: Sequence[str], suite: Sequence[str] = SUITE
) -> str:
    """The command that runs vectors on this arm again. options: those that name the subject."""
    arms = ["--transport", arm.transport, *(["--codec", arm.codec] if arm.codec else [])]
    vectors = [word for id_ in ids for word in ("--vector", id_)]
    return shlex.join([*PROGRAM, *suite, *arms, *options, *vectors])


def summary(report: Report, *, whole: bool = True, path: str = "") -> Iterator[str]:
    """The lines after the last arm: who is to blame, where arms disagree, what was reached.

    whole: whether no vector was left out, as a level is reached by all of its vectors. path: the
    file of known failures.
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
        yield from _reached(arm, whole=whole)
    for id_ in report.fixed:
        yield f"FIXED {id_}: it passes; take it out of {path}"
    yield from explained(_words(report))
    nothing = "" if report.passed else ", none of which passed"
    known = sum(len(arm.known()) for arm in report.arms)
    told = f", {counted(known, 'failure')} known" if known else ""
    vectors = counted(len(report.vectors), "vector")
    yield f"{'OK' if report.ok else 'FAILED'}: {vectors}{nothing}{told}"


def _words(report: Report) -> Iterator[str]:
    """What has been printed and is not plain English."""
    yield from ("vector", "level")
    if report.disagreements:
        yield "binding"
    for arm in report.arms:
        for outcome in arm.outcomes:
            yield outcome.status
            yield from ["advisory"] * outcome.advisory + ["known"] * bool(outcome.known)
            if outcome.failure is not None:
                yield outcome.failure.blame


def _reached(arm: ArmResult, *, whole: bool) -> Iterator[str]:
    level, following = ladder(arm)
    names = arm.outcomes[0].vector.LADDER if arm.outcomes else ()
    reached = level_name(level, names) if whole else "not told, as not all vectors ran"
    missed = arm.totals()[Status.NOT_RUN]
    untried = f"; {counted(missed, 'vector')} not run" if missed else ""
    yield f"LEVEL {arm.name}: {reached}{untried}"
    parts, kept = [], []
    for group, counts in arm.groups().items():
        failed = sum(counts[status] for status in BAD)
        if failed:
            parts.append(f"{group} ({failed} of {failed + counts[Status.PASS]} failed)")
        elif counts[Status.PASS]:
            kept.append(group)
    if parts:
        yield f"  whole groups: {', '.join(kept) or 'none'}"
        yield f"  not whole: {', '.join(parts)}"
    elif kept:
        yield f"  groups: all {len(kept)} that were tried"
    if following is not None:
        vector = following.vector
        yield f"  next: {vector.id} (level {vector.level}) [{', '.join(vector.clauses)}]"
        if following.failure is not None:
            yield f"  by: {following.failure.doing}"
        yield f"  likely cause: {vector.cause}"


class JsonLines:
    """A run as JSON Lines: a head, then a line for each outcome, then the totals.

    revision: what was required. whole: whether no vector was left out.
    """

    def __init__(
        self, file: IO[bytes], vectors: int, revision: str = "", *, whole: bool = True
    ) -> None:
        self._file, self._whole = file, whole
        head = {"format": FORMAT, "project_version": __version__, "vectors": vectors}
        self._write({**head, "revision": revision})

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(with_texts(value, encodable)) + b"\n")
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
        line |= {name: value for name in MARKS if (value := getattr(outcome, name))}
        if outcome.failure is not None:
            line["failure"] = failure_members(outcome)
        self._write(line)

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
        end: dict[str, Any] = {"ok": report.ok, **report.evidence()}
        end |= {"disagreements": found, "blame": blame, "fixed": report.fixed}
        for result, arm in zip(end["results"], report.arms, strict=True):
            result["level"] = ladder(arm)[0] if self._whole else None
            result["known"] = [outcome.vector.id for outcome in arm.known()]
            result["advisory"] = arm.totals(advisory=True)
        self._write(end)


MARKS = ("reason", "known", "advisory")
"""Members of an outcome that a line has only if they say something."""


def failure_members(outcome: Outcome) -> dict[str, Any]:
    """The failure of an outcome for programs; empty if there is none."""
    failure = outcome.failure
    names = ("step", "doing", "problem")
    return {} if failure is None else {name: getattr(failure, name) for name in names}


def encodable(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot encode, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_junit(path: Path, report: Report) -> None:
    """Write a test suite for each arm, in it a case for each vector and for each disagreement.

    An expected failure, and one of an advisory vector, is skipped; one that is fixed is an error.
    """
    root = ET.Element("testsuites", name="conformance")
    for arm in report.arms:
        root.append(_suite(arm, report))
    if report.fixed:
        count = str(len(report.fixed))
        suite = ET.SubElement(root, "testsuite", name="known failures", tests=count, errors=count)
        for id_ in report.fixed:
            case = ET.SubElement(suite, "testcase", classname="known", name=id_, time="0.000")
            ET.SubElement(case, "error", message="it passes; take it out of the known failures")
    ET.indent(root)
    write_file(path, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(arm: ArmResult, report: Report) -> ET.Element:
    differing = [
        d for d in report.disagreements if (d.transport, d.codec) == (arm.transport, arm.codec)
    ]
    bad = arm.bad()
    suite = ET.Element(
        "testsuite",
        name=arm.name,
        tests=str(len(arm.outcomes) + len(differing)),
        failures=str(sum(o.status is Status.FAIL for o in bad) + len(differing)),
        errors=str(sum(o.status is Status.HARNESS_ERROR for o in bad)),
        skipped=str(sum(o.status is not Status.PASS and not o.bad for o in arm.outcomes)),
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
    problem = outcome.failure.problem if outcome.failure is not None else outcome.reason
    if outcome.bad and outcome.failure is not None:
        failed = ET.SubElement(case, "failure", message=xml_text(problem))
        failed.text = xml_text(
            f"{vector.why}\nstep {outcome.failure.step}: {outcome.failure.doing}"
        )
    elif outcome.bad:
        ET.SubElement(case, "error", message=xml_text(problem))
    elif outcome.status is not Status.PASS:
        word = "known failure" if outcome.known else outcome.status.value
        mark = "advisory, " if outcome.advisory else ""
        text = f"{mark}{word}: {outcome.known or problem}"
        ET.SubElement(case, "skipped", message=xml_text(text))


def xml_text(text: str) -> str:
    """The text with characters that XML 1.0 does not allow written as escapes."""
    return "".join(c if _in_xml(ord(c)) else ascii(c)[1:-1] for c in text)


def _in_xml(code: int) -> bool:
    if code < 0x20:  # noqa: PLR2004  # the ranges of XML 1.0, production [2] Char
        return code in (0x9, 0xA, 0xD)
    return not (0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF))  # noqa: PLR2004  # as above
