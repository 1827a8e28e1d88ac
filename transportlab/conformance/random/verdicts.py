"""What Drift, VerifyOwnership and Adopt say of entries that differ from the desired ones."""

from collections.abc import Sequence
from typing import Any

from transportlab.conformance.patterns import mismatch
from transportlab.conformance.random.state import Held, alike


def primaries(wanted: Sequence[Held], there: Sequence[Held]) -> dict[int, Held]:
    """The entry that counts for each index: the one as desired, else the first (P-DRIFT-2)."""
    right = {entry.index: entry for entry in wanted}
    chosen: dict[int, Held] = {}
    for entry in there:
        first = chosen.setdefault(entry.index, entry)
        want = right.get(entry.index)
        if want is not None and alike(want, entry) and not alike(want, first):
            chosen[entry.index] = entry
    return chosen


def drifted(wanted: Sequence[Held], there: Sequence[Held]) -> list[dict[str, Any]]:
    """The items of one job, without its foreign ones."""
    chosen = primaries(wanted, there)
    items: list[dict[str, Any]] = []
    for entry in wanted:
        found = chosen.get(entry.index)
        if found is None:
            items.append(_item("missing", entry, expected=entry))
        elif not alike(entry, found):
            items.append(_item("modified", entry, expected=entry, actual=found))
    counted = {chosen[entry.index].at for entry in wanted if entry.index in chosen}
    left = (entry for entry in there if entry.at not in counted)
    return items + [_item("orphan", entry, actual=entry) for entry in left]


def _item(kind: str, entry: Held, **sides: Held) -> dict[str, Any]:
    item = {"kind": kind, "app": entry.app, "job": entry.job, "index": entry.index}
    shown = {name: side.pattern() for name, side in sides.items()}
    return {**item, "expected": None, "actual": None, **shown}


def verdicts(entries: Sequence[Held], wanted: Sequence[Held] | None) -> list[tuple[Held, str]]:
    """Each entry of one job with its verdict (P-VERIFY-1). wanted: None if it is not desired."""
    chosen = primaries(wanted or (), entries)
    right = {(entry.index, entry.hash): entry for entry in wanted or ()}
    found = []
    for entry in entries:
        stands_for = right.get((entry.index, entry.hash))
        if chosen[entry.index] is not entry:
            verdict = "duplicate"
        elif entry.dead or (stands_for is not None and not alike(stands_for, entry)):
            verdict = "tampered"
        else:
            verdict = "abandoned" if wanted is None else "owned"
        found.append((entry, verdict))
    return found


def reason(verdict: str) -> Any:
    """The pattern of the reason that a verdict comes with."""
    return "" if verdict == "owned" else {"$any": "str"}


def differing(wanted: Sequence[Held], owned: Sequence[Held]) -> list[int]:
    """The indexes of the differences that Adopt must name; -1 is an entry that nobody asks for."""
    chosen = primaries(wanted, owned)
    named = [
        entry.index
        for entry in wanted
        if (found := chosen.get(entry.index)) is None or not alike(entry, found)
    ]
    counted = {chosen[entry.index].at for entry in wanted if entry.index in chosen}
    return named + [-1 for entry in owned if entry.at not in counted]


def diverged(reply: Any, schedules: int, differing: Sequence[int] | None) -> str:
    """Whether Adopt says so. differing: the indexes that are named; None if that is open."""
    if problem := mismatch({"outcome": "diverged", "entries": []}, reply):
        return problem
    named = sorted(each["index"] for each in reply["differences"])
    if differing is not None and named != sorted(differing):
        return f"differences: expected those of {sorted(differing)}, got {named}"
    if not named or not -1 <= named[0] <= named[-1] < schedules:
        return f"differences: expected indexes of -1 to {schedules - 1}, at least one, got {named}"
    return ""
