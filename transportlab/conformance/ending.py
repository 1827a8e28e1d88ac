"""How a call ended, in plain values, and whether that is what a vector expects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.vectors import Alternative, Expect

LOST = "a lost connection"


class Ending(msgspec.Struct, frozen=True):
    """How a call ended. Without error and lost, it ended well.

    reply: of a unary call. events: of a streaming one, those that came.
    error: code, message and the members of the details.
    lost: what the connection's failure says; empty if it did not fail.
    """

    reply: Any = None
    events: list[Any] | None = None
    error: Mapping[str, Any] | None = None
    lost: str = ""

    def plain(self) -> dict[str, Any]:
        """For the oracle: the members that apply. The text of `lost` names processes: left out."""
        members = {"reply": self.reply, "error": self.error, "lost": bool(self.lost) or None}
        if self.events is not None:
            members["events"] = self.events
        return {name: value for name, value in members.items() if value is not None}

    def text(self) -> str:
        """The ending in words, for people."""
        if self.lost:
            return f"{LOST} ({self.lost})"
        if self.error is not None:
            return f"an error {shown({k: v for k, v in self.error.items() if v})}"
        return f"a good end with {shown(self.reply if self.events is None else self.events)}"


def judge(expect: Expect, ending: Ending) -> str:
    """How the ending differs from what is expected; empty if it does not."""
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
    """What is wrong with the endings of concurrent calls; empty if nothing.

    Each must match an alternative, of which the first counts. Each alternative must have enough.
    """
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


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The value, with each text in it changed except the names of members."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list | tuple):
        return [with_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {name: with_texts(item, change) for name, item in value.items()}
    return value
