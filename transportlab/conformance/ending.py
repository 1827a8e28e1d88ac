"""How a call ended, and whether that is what a vector expects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.vectors import Alternative, Expect

LOST = "a lost connection"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, in plain values. Without error and lost it ended well."""

    reply: Any = None
    events: list[Any] | None = None
    error: Mapping[str, Any] | None = None
    lost: str = ""

    def plain(self) -> dict[str, Any]:
        """The members that apply; a lost connection without its text, which names processes."""
        members = {"reply": self.reply, "error": self.error, "lost": bool(self.lost) or None}
        if self.events is not None:
            members["events"] = self.events
        return {name: value for name, value in members.items() if value is not None}

    def text(self) -> str:
        """For people."""
        if self.lost:
            return f"{LOST} ({self.lost})"
        if self.error is not None:
            return f"an error {shown({k: v for k, v in self.error.items() if v})}"
        return f"a good end with {shown(self.reply if self.events is None else self.events)}"


def judge(expect: Expect, ending: Ending) -> str:
    """How the ending departs from what is expected; empty if it does not."""
    problem = ""
    if expect.lost:
        return "" if ending.lost else f"expected a lost connection, got {ending.text()}"
    if expect.error is not UNSET:
        if ending.error is None:
            return f"expected an error {shown(expect.error)}, got {ending.text()}"
        problem = mismatch(expect.error, ending.error)
    elif ending.error is not None or ending.lost:
        return f"expected a good end, got {ending.text()}"
    elif expect.reply is not UNSET:
        problem = mismatch(expect.reply, ending.reply)
    if not problem and expect.events is not UNSET:
        problem = mismatch(expect.events, ending.events or [], "events")
    return problem


def tally(alternatives: Sequence[Alternative], endings: Sequence[Ending]) -> str:
    """How many calls ended as each alternative says; a problem if too few, or one as none does."""
    counts = [0] * len(alternatives)
    for ending in endings:
        matching = [i for i, a in enumerate(alternatives) if not judge(a.expect, ending)]
        if not matching:
            return f"expected one of the outcomes, got {ending.text()}"
        counts[matching[0]] += 1
    short = [
        f"outcome {i}: expected at least {a.at_least}, got {count}"
        for i, (a, count) in enumerate(zip(alternatives, counts, strict=True))
        if count < a.at_least
    ]
    return "; ".join(short)


def neutral(value: Any, rename: Callable[[str], str]) -> Any:
    """The value with each text renamed, so that what two runs say can be compared."""
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, list | tuple):
        return [neutral(item, rename) for item in value]
    if isinstance(value, dict):
        return {key: neutral(item, rename) for key, item in value.items()}
    return value
