"""The section with every ratio of every suite."""

from collections.abc import Iterator

from transportlab.evidence.analysis.compare import Comparison, Side
from transportlab.evidence.report.config import View
from transportlab.evidence.report.formatting import NONE, amount, noise, ratio, table

_LONG = 30
"""A table with more lines is folded away."""


def suites(view: View) -> list[str]:
    """A table for each suite and placement; long ones and all but one placement are folded away."""
    lines = [
        "Ratios to the first arm of a table, whose column has its medians. *Noise* is the factor",
        "by which two copies of one arm differ at most, at 95 %. *Processes* and *calls* are those",
        "of both sides of a ratio, the fewest of the row. Of rates (/s) more is better.",
        "",
    ]
    for suite, told in view.evidence.suites.items():
        lines += [f"### {suite}", "", told.question, ""]
        first = view.placement(suite)
        for placement in sorted(
            set(view.measured.placements(suite)), key=lambda p: (p != first, p)
        ):
            body = _table(view, suite, placement)
            if placement == first and len(body) <= _LONG:
                lines += [f"Placement: {placement}.", "", *body]
            else:
                summary = f"<details><summary>placement: {placement}</summary>"
                lines += [summary, "", *body, "</details>", ""]
        lines += [
            line
            for curve in view.settings.curves
            if curve.suite == suite
            for line in view.figure(curve.name, curve.title)
        ]
    return lines


def _table(view: View, suite: str, placement: str) -> list[str]:
    arms = view.arms_of(suite, placement)
    if not arms:
        return ["Only the control was measured.", ""]
    reference, *others = arms
    head = ["case", reference, *others, "noise", "processes", "calls"]
    return table(head, _rows(view, suite, placement, arms))


def _rows(view: View, suite: str, placement: str, arms: list[str]) -> Iterator[list[str]]:
    reference, *others = arms
    sides = view.measured.sides(suite, placement)
    for case, metric in sorted({(s.case, s.metric) for s in sides if s.arm in arms}, key=natural):
        under = Side(reference, case, metric)
        unit = view.measured.unit(suite, placement, case, metric)
        found = [
            view.measured.compare(suite, placement, Side(arm, case, metric), under)
            for arm in others
        ]
        absolute = amount(view.measured.absolute(suite, placement, under), unit)
        yield [f"{case} {metric}", absolute, *map(ratio, found), *_behind(found)]


def natural(pair: tuple[str, str]) -> tuple[str, int, str]:
    """A key that sorts by case, then by metric, and `Read/10` after `Read/9`."""
    case, metric = pair
    name, _, number = case.rpartition("/")
    return (name, int(number), metric) if number.isdigit() else (case, -1, metric)


def _behind(found: list[Comparison | None]) -> list[str]:
    """The cells for noise, processes and calls."""
    known = [one for one in found if one is not None]
    if not known:
        return [NONE, NONE, NONE]
    fewest = min(known, key=lambda one: one.processes)
    factors = [one.noise for one in known if one.noise is not None]
    return [noise(max(factors, default=None)), str(fewest.processes), f"{fewest.calls:,}"]
