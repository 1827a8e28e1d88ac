"""Whether a call ended as the model says it must."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from transportlab.conformance.ending import Ending
from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.random.state import Line

Lists = tuple[list[str], list[str], list[str]]
"""Jobs that are applied, failed and unattempted (P-APPLY-5)."""


class Refused(Struct, frozen=True):
    """An error that a call may end with.

    reason: empty if any is right. lists: None if they are not looked at.
    events: those before it. lines: the state after it; None if it is as before.
    """

    code: str
    reason: str = ""
    lists: Lists | None = None
    events: Sequence[Any] = ()
    lines: Sequence[Line] | None = None

    def problem(self, ending: Ending) -> str:
        """How the ending differs; empty if it does not."""
        pattern: dict[str, Any] = {"code": self.code}
        if self.reason:
            pattern["reason"] = self.reason
        if self.lists is not None:
            pattern |= dict(zip(("applied", "failed", "unattempted"), self.lists, strict=True))
        problem = mismatch(pattern, ending.error)
        return problem or mismatch(list(self.events), ending.events or [], "events")


class Want(Struct, frozen=True):
    """How a call must end.

    clauses: what says so, for people.
    good: judges the reply, or the list of events; None if the call must not end well.
    lines: the state after a good end; None if it is as before.
    refusals: errors that are right, too.
    """

    clauses: str
    good: Callable[[Any], str] | None = None
    lines: Sequence[Line] | None = None
    refusals: tuple[Refused, ...] = ()


def judge(want: Want, ending: Ending) -> tuple[str, Sequence[Line] | None]:
    """What is wrong with an ending, empty if nothing; and the state after it, None if as before."""
    if ending.error is None and not ending.lost and want.good is not None:
        return want.good(ending.events if ending.reply is None else ending.reply), want.lines
    if ending.error is not None:
        problems = [refused.problem(ending) for refused in want.refusals]
        if "" in problems:
            return "", want.refusals[problems.index("")].lines
        if problems and want.good is None:
            return problems[0], None
    wanted = [f"{refused.code} {refused.reason}".strip() for refused in want.refusals]
    wanted += ["a good end"] * (want.good is not None)
    return f"expected {' or '.join(wanted)}, got {ending.text()}", None


def unordered(patterns: Sequence[Any], got: Sequence[Any], path: str) -> str:
    """Where a list differs from these patterns, whatever the order of both."""
    left = list(got)
    # Those that ask for most come first, so that a vague one does not take what they need.
    for pattern in sorted(patterns, key=lambda each: -len(json.dumps(each))):
        found = next((n for n, item in enumerate(left) if not mismatch(pattern, item)), None)
        if found is None:
            return f"{path}: expected an item {shown(pattern)}, got {shown(list(got))}"
        del left[found]
    return f"{path}: expected {len(patterns)} items, and not {shown(left[0])}" if left else ""


def ordered(
    patterns: Sequence[Any], got: Sequence[Any], path: str, key: Callable[[Any], tuple[Any, ...]]
) -> str:
    """Where a list differs from these patterns, or from the order of its keys."""
    problem = unordered(patterns, got, path)
    keys = [key(item) for item in got]
    return problem or ("" if keys == sorted(keys) else f"{path}: not in their order: {keys}")
