"""Two sets of runs beside each other: what differs between them, and the ratio of each figure.

Theory of operation
===================

Sets share no blocks. So a figure of B over the same of A is the difference of two means of
logarithms, each with the error of its own set (stats.minus). What the blocks of a set share, its
machine above all, does not cancel: the ratio is of code and machine together.

With an arm to compare over, a figure is first the ratio to that arm within the blocks of its own
set, and then B over A. How fast a machine is cancels in that, what kind it is does not.

Each ratio is told by its interval and by a margin of equality. Many are told at once, and one in
twenty intervals misses the truth.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from transportlab.errors import UsageError
from transportlab.evidence.analysis.compare import Measured, Side
from transportlab.evidence.analysis.runs import Runs, digest_of, machine_name
from transportlab.evidence.analysis.stats import Estimate, Interval, Told, minus
from transportlab.evidence.record import Evidence
from transportlab.quote import nearest

MEMBERS = ("profile", "commit", "dirty", "project_version", "started", "complete")
"""What is compared of files beside their facts, in this order."""


class Wanted(msgspec.Struct, frozen=True):
    """Which figures are compared. Empty: all of them. over: the arm that others are ratios to."""

    suites: Sequence[str] = ()
    arms: Sequence[str] = ()
    over: str = ""


class Row(msgspec.Struct, frozen=True):
    """A figure of both sets: geometric means over blocks, and B over A.

    a, b: in the unit, or ratios if the unit is empty. blocks: of A and of B.
    """

    suite: str
    placement: str
    arm: str
    case: str
    metric: str
    unit: str
    a: float
    b: float
    ratio: Interval
    told: Told
    blocks: tuple[int, int]


class Differing(msgspec.Struct, frozen=True):
    """A fact or a member of the files that is not the same in both sets, with all its values."""

    name: str
    a: str
    b: str


class Only(msgspec.Struct, frozen=True):
    """What one set has alone. side: A or B. what: arms, suites or figures."""

    side: str
    what: str
    names: list[str]


class Between(msgspec.Struct, frozen=True):
    """Two sets, compared. sets: each in a sentence. left_out: runs in no figure, and why."""

    sets: tuple[str, str]
    left_out: list[str]
    differing: list[Differing]
    only: list[Only]
    rows: list[Row]
    over: str

    @property
    def counts(self) -> Mapping[Told, int]:
        """How many figures there are of each word, the most frequent first."""
        return dict(Counter(row.told for row in self.rows).most_common())


def between(a: Runs, b: Runs, margin: float, wanted: Wanted) -> Between:
    """Compare the largest group of either side.

    margin: the factor within which two figures are practically equal. Raises UsageError if both
    sides have a run in common, for a suite or an arm that neither has, and if nothing is left to
    compare.
    """
    groups = {"A": a.groups[0], "B": b.groups[0]}
    _check_apart(groups["A"], groups["B"])
    sides = {name: Measured(group) for name, group in groups.items()}
    _check_known(wanted, sides)
    rows = list(_rows(sides["A"], sides["B"], margin, wanted))
    if not rows:
        raise UsageError("A and B have no figure in common: no arm has the same suite and case")
    return Between(
        (_sentence(groups["A"]), _sentence(groups["B"])),
        [*_left_out("A", a), *_left_out("B", b)],
        _differing(groups["A"], groups["B"]),
        _only(sides),
        rows,
        wanted.over,
    )


def _check_apart(a: Sequence[Evidence], b: Sequence[Evidence]) -> None:
    both = {(run.started, run.seed) for run in a} & {(run.started, run.seed) for run in b}
    if both:
        started, seed = min(both)
        raise UsageError(f"A and B both have the run of {started} (seed {seed})")


def _check_known(wanted: Wanted, sides: Mapping[str, Measured]) -> None:
    files = [side.evidence for side in sides.values()]
    suites = dict.fromkeys(name for file in files for name in file.suites)
    arms = dict.fromkeys(arm.id for file in files for arm in file.arms)
    over = [wanted.over] if wanted.over else []
    for what, names, known in (
        ("suite", wanted.suites, suites), ("arm", wanted.arms, arms), ("arm", over, arms)
    ):  # fmt: skip
        for name in names:
            if name not in known:
                near = nearest(name, known)
                hint = f"is it {near}?" if near else f"there are {', '.join(known)}"
                raise UsageError(f'neither A nor B has the {what} "{name}"; {hint}')


def _sentence(group: Sequence[Evidence]) -> str:
    first, blocks = group[0], sum(len(run.blocks) for run in group)
    commits = dict.fromkeys(run.commit[:12] + " (dirty)" * run.dirty for run in group)
    return (
        f"{len(group)} run{'s' * (len(group) > 1)} with {blocks} blocks, profile {first.profile},"
        f" code {digest_of(first)[:12] or 'unknown'}, commit {', '.join(commits)}, of"
        f" {machine_name(first)}"
    )


def _left_out(side: str, runs: Runs) -> list[str]:
    others = [(run, "another machine") for group in runs.groups[1:] for run in group]
    newest = [run for group in runs.other_code for run in group]
    others += [(run, "other code") for run in (*newest, *runs.left_out)]
    others.sort(key=lambda one: one[0].started)
    return [f"{side}: the run of {run.started} is of {why}" for run, why in others]


def _differing(a: Sequence[Evidence], b: Sequence[Evidence]) -> list[Differing]:
    ours, theirs = _told(a), _told(b)
    found = []
    for name in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(name, "none"), theirs.get(name, "none")
        if one != other:
            found.append(Differing(name, one, other))
    return found


def _told(group: Sequence[Evidence]) -> dict[str, str]:
    """What is known of the runs, by name: the members of nested facts each have a line."""
    values: dict[str, dict[str, None]] = {}
    for run in group:
        members: dict[str, Any] = {name: getattr(run, name) for name in MEMBERS}
        for name, value in [*members.items(), *sorted(run.facts.items())]:
            for path, text in _leaves(name, value):
                values.setdefault(path, {})[text] = None
    return {name: ", ".join(texts) for name, texts in values.items()}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for member, inner in sorted(value.items()):
            yield from _leaves(f"{name}.{member}", inner)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value)) or "none"
    else:
        yield name, str(value)


def _only(sides: Mapping[str, Measured]) -> list[Only]:
    """Arms, suites and figures of one side; a figure is told if both have its arm and its suite."""
    found = []
    for name, other in (("A", "B"), ("B", "A")):
        here, there = sides[name], sides[other]
        arms = {arm.id for arm in there.evidence.arms}
        suites = {(suite, p) for suite in there.evidence.suites for p in there.placements(suite)}
        own = [(suite, p) for suite in here.evidence.suites for p in here.placements(suite)]
        figures = [
            f"{suite} {placement} {side.arm} {side.case} {side.metric}"
            for suite, placement in own
            if (suite, placement) in suites
            for side in sorted(
                set(here.sides(suite, placement)) - set(there.sides(suite, placement))
            )
            if side.arm in arms
        ]
        parts = {
            "arms": [arm.id for arm in here.evidence.arms if arm.id not in arms],
            "suites": [" ".join(pair) for pair in own if pair not in suites],
            "figures": figures,
        }
        found += [Only(name, what, names) for what, names in parts.items() if names]
    return found


def _rows(a: Measured, b: Measured, margin: float, wanted: Wanted) -> Iterator[Row]:
    for suite in a.evidence.suites:
        if wanted.suites and suite not in wanted.suites:
            continue
        for placement in a.placements(suite):
            both = set(a.sides(suite, placement)) & set(b.sides(suite, placement))
            for side in sorted(both, key=_natural):
                if wanted.arms and side.arm not in wanted.arms:
                    continue
                row = _row(a, b, margin, (suite, placement, side), wanted.over)
                if row is not None:
                    yield row


def _natural(side: Side) -> tuple[str, str, int, str]:
    """`Read/10` after `Read/9`."""
    name, _, number = side.case.rpartition("/")
    return (
        (side.arm, name, int(number), side.metric)
        if number.isdigit()
        else (side.arm, side.case, -1, side.metric)
    )


def _row(
    a: Measured, b: Measured, margin: float, place: tuple[str, str, Side], over: str
) -> Row | None:
    suite, placement, side = place
    one, other = (_mean(measured, place, over) for measured in (a, b))
    if one is None or other is None:
        return None
    found = minus(other, one)
    unit = "" if over else a.unit(suite, placement, side.case, side.metric)
    return Row(
        suite, placement, side.arm, side.case, side.metric, unit,
        math.exp(one.mean), math.exp(other.mean), found.ratio(),
        found.told(margin), (one.blocks, other.blocks),
    )  # fmt: skip


def _mean(measured: Measured, place: tuple[str, str, Side], over: str) -> Estimate | None:
    suite, placement, side = place
    if not over:
        return measured.logs(suite, placement, side)
    if side.arm == over:
        return None
    found = measured.compare(suite, placement, side, Side(over, side.case, side.metric))
    return found.logs if found is not None else None
