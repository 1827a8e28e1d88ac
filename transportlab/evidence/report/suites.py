"""The section with every ratio of every suite."""

from collections.abc import Iterator

from transportlab.evidence.analysis.compare import Comparison, Side
from transportlab.evidence.analysis.stats import Interval
from transportlab.evidence.report.config import Pair, View
from transportlab.evidence.report.formatting import NONE, amount, counts, interval, ratio, table

_LONG = 30
"""A table with more lines is folded away."""


def suites(view: View) -> list[str]:
    """A table for each suite and placement; long ones and all but one placement are folded away."""
    lines = [
        "Ratios to the first arm of a table, whose column has its geometric means over blocks.",
        "*A/A* is the ratio of two copies of one arm: it shows bias and no more. *Behind* has the",
        "counts of the ratio with the fewest blocks of its row. Of rates (/s) more is better.",
        "",
    ]
    for suite, told in view.evidence.suites.items():
        lines += [f"### {suite}", "", told.question, ""]
        first = view.placement(suite)
        for placement in sorted(
            set(view.measured.placements(suite)), key=lambda p: (p != first, p)
        ):
            for pair in view.pairs:
                body = _table(view, suite, placement, pair)
                if not body:
                    continue
                what = f"{view.title(pair)}; placement: {placement}"
                if placement == first and pair == view.own and len(body) <= _LONG:
                    lines += [f"{what}.", "", *body]
                else:
                    summary = f"<details><summary>{what}</summary>"
                    lines += [summary, "", *body, "</details>", ""]
        lines += [
            line
            for curve in view.settings.curves
            if curve.suite == suite
            for line in view.figure(curve.name, curve.title)
        ]
    return lines


def _table(view: View, suite: str, placement: str, pair: Pair) -> list[str]:
    arms = view.ids_of(suite, placement, pair)
    if not arms:
        return []
    head = ["case", *arms, "A/A", "behind"]
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
        pairs = view.measured.bias(suite, placement, case, metric)
        yield [f"{case} {metric}", absolute, *map(ratio, found), _bias(pairs), _behind(found)]


def natural(pair: tuple[str, str]) -> tuple[str, int, str]:
    """A key that sorts by case, then by metric, and `Read/10` after `Read/9`."""
    case, metric = pair
    name, _, number = case.rpartition("/")
    return (name, int(number), metric) if number.isdigit() else (case, -1, metric)


def _bias(pairs: list[Interval]) -> str:
    return ", ".join(map(interval, pairs)) or NONE


def _behind(found: list[Comparison | None]) -> str:
    known = [one.counts for one in found if one is not None]
    return counts(min(known, key=lambda one: one.blocks)) if known else NONE
