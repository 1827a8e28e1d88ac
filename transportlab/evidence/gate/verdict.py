"""From findings to verdicts, and the forms in which a result is shown: lines, JSON, JUnit.

pass           the upper bound excludes +10 %
regression     suspicious, and suspicious again in a fresh batch
failed         the head does not answer where its reference does
inconclusive   anything else, with its interval. It is not a pass.
"""

import math
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from transportlab.evidence.gate.decide import MIN_PAIRS, Finding, Reading, findings
from transportlab.quote import clean

EXIT_REGRESSION = 1
EXIT_INCONCLUSIVE = 3
EXIT_FAILED = 4


class Verdict(StrEnum):
    """What the gate says of a transport; the module's docstring defines each."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    REGRESSION = "regression"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Outcome(msgspec.Struct, frozen=True):
    """The verdict on one transport, why, and the batches behind it."""

    transport: str
    verdict: Verdict
    why: str
    first: Reading | None = None
    repeat: Reading | None = None


class Result(msgspec.Struct, frozen=True):
    """The outcomes of all transports. notes: what was not measured, and why."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if all pass, 1 if any is a regression, 4 if any failed, otherwise 3."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        if Verdict.REGRESSION in verdicts:
            return EXIT_REGRESSION
        if Verdict.FAILED in verdicts:
            return EXIT_FAILED
        return 0 if verdicts == {Verdict.PASS} else EXIT_INCONCLUSIVE


def conclude(name: str, finding: Finding, first: Reading, repeat: Reading | None) -> Outcome:
    """The verdict on a transport from its first batch and, if that was suspicious, a fresh one."""
    if repeat is None:
        verdict = Verdict.PASS if finding is Finding.CLEAR else Verdict.INCONCLUSIVE
        return Outcome(name, verdict, _why(verdict, first), first)
    again = findings({name: repeat})[name]
    verdict = {
        Finding.SUSPICIOUS: Verdict.REGRESSION,
        Finding.CLEAR: Verdict.PASS,
        Finding.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    }[again]
    return Outcome(name, verdict, _why(verdict, repeat, repeated=True), first, repeat)


def _why(verdict: Verdict, reading: Reading, *, repeated: bool = False) -> str:
    shown = f"{reading.ratio:.3f} [{reading.low:.3f}, {reading.high:.3f}] of {reading.pairs} pairs"
    if verdict is Verdict.REGRESSION:
        return f"slower by more than 5 % in two batches: {shown}"
    if verdict is Verdict.PASS:
        suspected = "; a first batch was suspicious, a fresh one was not" if repeated else ""
        return f"+10 % is excluded: {shown}{suspected}"
    if reading.contaminated:
        return f"{reading.contaminated}; {shown}"
    if not reading.usable:
        return f"too few pairs for a verdict, at least {MIN_PAIRS} are needed: {shown}"
    return f"neither 5 % slower nor free of +10 %: {shown}"


def lines(result: Result) -> list[str]:
    """For people: a line for each transport, more for an error of several, then the notes."""
    width = max((len(outcome.transport) for outcome in result.outcomes), default=0)
    shown = []
    for o in result.outcomes:
        first, *more = clean(o.why, keep_lines=True).split("\n")
        shown.append(f"{o.transport.ljust(width)}  {o.verdict.upper():12}  {first}")
        shown += [f"{'':{width}}  {line}" for line in more]
    return [*shown, *(f"note: {note}" for note in result.notes)]


def as_json(result: Result) -> bytes:
    """{"exit_code", "outcomes": [...], "notes": [...]}. A bound that there is not is null."""
    found = {
        "exit_code": result.exit_code,
        "outcomes": [_finite(msgspec.to_builtins(outcome)) for outcome in result.outcomes],
        "notes": list(result.notes),
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(member) for name, member in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_junit(result: Result) -> bytes:
    """A test case for each transport: a regression is a failure, an inconclusive one an error."""
    suite = ET.Element("testsuite", name="handshake-gate", tests=str(len(result.outcomes)))
    elements = {
        Verdict.REGRESSION: "failure",
        Verdict.FAILED: "failure",
        Verdict.INCONCLUSIVE: "error",
    }
    counts = {"failure": 0, "error": 0}
    for outcome in result.outcomes:
        case = ET.SubElement(suite, "testcase", classname="handshake", name=outcome.transport)
        kind = elements.get(outcome.verdict)
        if kind:
            counts[kind] += 1
            ET.SubElement(case, kind, message=_xml(outcome.why))
        else:
            ET.SubElement(case, "system-out").text = _xml(outcome.why)
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    ET.SubElement(suite, "system-out").text = _xml("\n".join(lines(result)))
    ET.indent(suite)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _xml(text: str) -> str:
    """Without control characters, which XML cannot hold and a plugin's words may have."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
