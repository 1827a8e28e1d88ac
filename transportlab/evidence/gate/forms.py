"""The forms of a result: lines for people, Markdown for a comment, JSON and JUnit for CI.

A self-test has the same forms. Its JUnit file has a case for each round.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from transportlab.evidence.gate.decide import Pairs, Reading, milliseconds
from transportlab.evidence.gate.verdict import About, Outcome, Result, Verdict
from transportlab.quote import clean

FORMAT = 2
"""Of the JSON."""

DIGITS = 7
"""Of a second, in samples."""

_WORDS = {0: "pass", 1: "regression", 3: "inconclusive", 4: "failed"}


def lines(result: Result) -> list[str]:
    """For people: a line for each transport, more for an error of several, then the notes."""
    width = max((len(outcome.transport) for outcome in result.outcomes), default=0)
    shown = []
    for o in result.outcomes:
        first, *more = clean(o.why, keep_lines=True).split("\n")
        shown.append(f"{o.transport.ljust(width)}  {o.verdict.upper():12}  {first}")
        shown += [f"{'':{width}}  {line}" for line in (*more, *filter(None, [clean(o.reason)]))]
    return [*shown, *(f"note: {clean(note)}" for note in result.notes)]


# ---- Markdown


def as_markdown(result: Result) -> bytes:
    """A summary for a comment on the change: a table, the reasons, and the circumstances."""
    text = [
        f"### Handshake gate: {_WORDS[result.exit_code]}",
        "",
        *table(
            ("transport", "verdict", "base -> head", "ratio", "pairs"),
            [_row(outcome) for outcome in result.outcomes],
        ),
        "",
    ]
    for o in result.outcomes:
        text.append(f"- **{o.transport}**: {inline(o.why)}")
        text += [f"  - {inline(o.reason)}"] if o.reason else []
    text += [f"- {inline(note)}" for note in result.notes]
    return document(text, result.about)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    every = [head, ["---"] * len(head), *rows]
    cells = ([inline(cell).replace("|", "&#124;") for cell in row] for row in every)
    return [f"| {' | '.join(row)} |" for row in cells]


def _row(outcome: Outcome) -> tuple[str, ...]:
    r = outcome.reading
    verdict = outcome.verdict if outcome.verdict is Verdict.PASS else f"**{outcome.verdict}**"
    if r is None or not r.pairs:
        return (outcome.transport, verdict, "", "", "0")
    ratio = f"{r.ratio:.3f} [{r.low:.3f}, {r.high:.3f}]"
    return (outcome.transport, verdict, milliseconds(r.base, r.head), ratio, str(r.pairs))


def inline(text: str) -> str:
    """On one line, and without what Markdown would take for HTML."""
    return clean(" ".join(text.split())).replace("<", "&lt;")


def document(text: list[str], about: About | None) -> bytes:
    """The bytes of these lines, with the circumstances below."""
    if about is not None:
        circumstances = [f"- {inline(line)}" for line in about.lines()]
        text += ["", "<details><summary>Circumstances</summary>", "", *circumstances]
        text += ["", "</details>"]
    return ("\n".join(text) + "\n").encode()


# ---- JSON


def as_json(result: Result) -> bytes:
    """{"format", "exit_code", "outcomes": [...], "notes": [...], "about"}.

    Times are in seconds. An outcome's `pairs` has the samples. A bound that there is not is null.
    """
    return encoded({"exit_code": result.exit_code, **msgspec.to_builtins(result)})


def encoded(found: dict[str, Any]) -> bytes:
    """As one line of JSON."""
    return msgspec.json.encode({"format": FORMAT, **found}) + b"\n"


def rounded(pairs: Pairs) -> Pairs:
    """The samples, without digits that no clock has."""
    took = msgspec.structs.asdict(pairs)
    return Pairs(**{name: tuple(round(s, DIGITS) for s in times) for name, times in took.items()})


# ---- JUnit


class Case(msgspec.Struct, frozen=True):
    """A test case. kind: "failure", "error", "skipped", or empty for one that passes."""

    name: str
    kind: str
    outcome: Outcome


_KINDS = {
    Verdict.PASS: "",
    Verdict.REGRESSION: "failure",
    Verdict.FAILED: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.MEASURED: "",
}


def as_junit(result: Result) -> bytes:
    """A test case for each transport: a regression is a failure, an inconclusive one an error."""
    cases = [Case(o.transport, _KINDS[o.verdict], o) for o in result.outcomes]
    return junit("handshake-gate", cases, lines(result), result.about)


def junit(name: str, cases: Sequence[Case], text: Iterable[str], about: About | None) -> bytes:
    """The file. text: the same for people."""
    suite = ET.Element("testsuite", name=name, tests=str(len(cases)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.kind == kind for case in cases)))
    if about is not None:
        _properties(suite, {"version": about.version, "seed": about.seed})
        _properties(suite, {f"circumstance.{n}": line for n, line in enumerate(about.lines())})
    for case in cases:
        element = ET.SubElement(suite, "testcase", classname="handshake", name=case.name)
        told = case.outcome
        if told.reading is not None:
            _properties(element, _figures(told.reading))
        if case.kind:
            ET.SubElement(element, case.kind, message=_xml(told.why))
        said = [told.why, told.reason, *(_samples(told.pairs) if told.pairs else ())]
        ET.SubElement(element, "system-out").text = _xml("\n".join(filter(None, said)))
    ET.SubElement(suite, "system-out").text = _xml("\n".join(text))
    ET.indent(suite)
    found: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _figures(reading: Reading) -> dict[str, Any]:
    return {
        "ratio": f"{reading.ratio:.4f}",
        "low": f"{reading.low:.4f}",
        "high": f"{reading.high:.4f}",
        "pairs": reading.pairs,
        "base_ms": f"{reading.base * 1000:.2f}",
        "head_ms": f"{reading.head * 1000:.2f}",
    }


def _samples(pairs: Pairs) -> list[str]:
    return [
        f"{name}, ms: {' '.join(f'{seconds * 1000:.2f}' for seconds in took)}"
        for name, took in msgspec.structs.asdict(pairs).items()
        if took
    ]


def _properties(parent: ET.Element, values: dict[str, Any]) -> None:
    group = parent.find("properties")
    if group is None:
        group = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(group, "property", name=name, value=_xml(str(value)))


def _xml(text: str) -> str:
    """Without control characters, which XML cannot hold and a plugin's words may have."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
