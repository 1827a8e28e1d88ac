"""What a gate run leaves for people and for CI: lines, a JSON object, a JUnit file."""

import math
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from transportlab.evidence.gate.run import Result, Verdict


def lines(result: Result) -> list[str]:
    """One line a transport, then the notes."""
    width = max((len(outcome.transport) for outcome in result.outcomes), default=0)
    shown = [
        f"{o.transport.ljust(width)}  {o.verdict.upper():12}  {o.why}" for o in result.outcomes
    ]
    return [*shown, *(f"note: {note}" for note in result.notes)]


def as_json(result: Result) -> bytes:
    """{"exit_code", "outcomes": [...], "notes": [...]}; a bound that is not there is null."""
    found = {
        "exit_code": result.exit_code,
        "outcomes": [_finite(asdict(outcome)) for outcome in result.outcomes],
        "notes": list(result.notes),
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(member) for name, member in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_junit(result: Result) -> bytes:
    """One test case a transport: a regression is a failure, an inconclusive batch an error."""
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
    """Without the control characters that XML cannot hold: a plugin's words may have them."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
