"""What the figures share: colours and marks of the arms, and axes that are read as amounts."""

import re
from collections.abc import Callable
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from transportlab.evidence.analysis.compare import Side
from transportlab.evidence.report.breakdown import floor_arms
from transportlab.evidence.report.config import Curve, Measure, View
from transportlab.evidence.report.formatting import amount

WIDTH = 9.0
"""Inches; a report shows figures at the width of its text."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6bb1")
"""Okabe and Ito's, which people with any colour vision tell apart; one more for an eighth arm."""

MARKERS = "osD^vPX*"

_SHORT = 50
"""A log axis shorter than this factor has ticks at 1, 2 and 5: it may hold no power of ten."""


def mark(view: View, arm: str) -> tuple[str, str]:
    """The colour and the marker of an arm, the same in every figure."""
    place = [one.id for one in view.arms].index(arm)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def log_amounts(axis: Axis, unit: str) -> None:
    """Scale to a log axis whose ticks are amounts of that unit."""
    shown = FuncFormatter(lambda value, _: amount(value, unit) if value > 0 else "")
    _log_ticks(axis, shown)


def log_ratios(axis: Axis) -> None:
    """A log axis of ratios."""
    _log_ticks(axis, FuncFormatter(lambda value, _: f"{value:g}"))


def _log_ticks(axis: Axis, shown: FuncFormatter) -> None:
    """Ticks on powers of ten, on a short axis at 1, 2 and 5 as well."""
    (axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    short = high / low < _SHORT
    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if short else (1.0,)))
    axis.set_major_formatter(shown)
    axis.set_minor_formatter(NullFormatter())


def size_axis(panel: Axes) -> None:
    """Sizes as ticks, those that were measured. They may be 0, so up to 1 the axis is linear."""
    panel.set_xscale("symlog", linthresh=1)
    sizes = {float(x) for line in panel.lines for x in np.asarray(line.get_xdata())}
    panel.set_xticks(sorted(sizes))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size_text(value)))
    panel.xaxis.set_minor_locator(NullLocator())


def size_text(value: float) -> str:
    """A number of things or bytes, short enough for a tick."""
    for scale, name in ((2**20, "Mi"), (2**10, "Ki")):
        if value >= scale:
            return f"{value / scale:g} {name}"
    return f"{value:g}"


# Figures over a size: a metric by jobs, bytes, calls in flight; a transport over its floor.


def lines(view: View, curve: Curve) -> Figure | None:
    """A metric over a size, one line an arm, both axes logarithmic."""
    placement = view.placement(curve.suite)
    figure = Figure(figsize=(WIDTH, 4.6))
    panel = figure.subplots()
    unit = ""
    for arm in view.arms:
        sizes = view.sizes(curve.suite, arm.id, curve.prefix)
        sides = [Side(arm.id, f"{curve.prefix}{size}", curve.metric) for size in sizes]
        values = [view.measured.absolute(curve.suite, placement, side) for side in sides]
        points = [(size, v) for size, v in zip(sizes, values, strict=True) if v is not None]
        if not points:
            continue
        unit = view.unit(curve.suite, placement, sides[0].case, curve.metric)
        colour, marker = mark(view, arm.id)
        panel.plot(*zip(*points, strict=True), color=colour, marker=marker, label=arm.id)
    if not unit:
        return None
    size_axis(panel)
    log_amounts(panel.yaxis, unit)
    panel.set_xlabel(curve.xlabel)
    panel.set_title(f"{curve.title}, placement {placement}", loc="left", fontsize=10)
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    return figure


def floors(view: View) -> Figure | None:
    """One panel an arm that has a floor: as built, and the floor under it."""
    wanted = view.settings.floor
    arms = floor_arms(view)
    if not arms:
        return None
    placement = view.placement(wanted.suite)
    figure = Figure(figsize=(WIDTH, 3.4))
    panels = figure.subplots(1, len(arms), sharey=True, squeeze=False)[0]
    for panel, arm in zip(panels, arms, strict=True):
        for prefix, line in ((wanted.prefix, "-"), (wanted.floor, "--")):
            sizes = view.sizes(wanted.suite, arm, prefix)
            sides = [Side(arm, f"{prefix}{size}", wanted.metric) for size in sizes]
            values = [view.measured.absolute(wanted.suite, placement, side) for side in sides]
            colour, marker = mark(view, arm)
            label = "as built" if prefix == wanted.prefix else "floor"
            panel.plot(sizes, values, line, color=colour, marker=marker, markersize=4, label=label)
        size_axis(panel)
        panel.tick_params(axis="x", rotation=60, labelsize=8)
        panel.set_title(arm, loc="left", fontsize=10)
        panel.legend(frameon=False, fontsize=8.5)
        panel.set_xlabel("bytes")
    log_amounts(panels[0].yaxis, "s")
    figure.tight_layout()
    return figure


# The figures as SVG, the same bytes for the same evidence: letters as paths, ids counted.

STYLE = {
    "svg.hashsalt": "transportlab",  # else ids are random, and what is equal is written twice
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # matplotlib brings it, so it is there everywhere
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}


_HASHED = re.compile(rb'(?<=["#])[mp][0-9a-f]{10}(?=["\)])')
"""An id of matplotlib's, where it is given and where it is referred to."""


def figures(view: View) -> dict[str, bytes]:
    """SVG by name; a figure with nothing in it is left out."""
    makers: dict[str, Callable[[], Figure | None]] = {
        "decider": lambda: decider(view),
        "cold-start": lambda: cold_start(view),
        "spread": lambda: spread(view),
        "floors": lambda: floors(view),
    }
    for curve in view.settings.curves:
        makers[curve.name] = lambda curve=curve: lines(view, curve)  # type: ignore[misc]  # one per curve
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in STYLE.items():
            mpl.rcParams[name] = value  # type: ignore[index]  # the stubs list every name
        made = {name: make() for name, make in makers.items()}
        return {name: _svg(figure) for name, figure in made.items() if figure is not None}


def _svg(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    # An id is a hash of places with all their digits, and the last of these depends on which of
    # numpy's loops the processor can run.
    names: dict[bytes, bytes] = {}
    return _HASHED.sub(
        lambda found: names.setdefault(found[0], b"id%d" % len(names)), out.getvalue()
    )


def decider(view: View) -> Figure | None:
    """Ratios with their intervals: one panel a measure, one line an arm, 1 marked."""
    arms = [arm.id for arm in view.arms if arm.id != view.settings.reference]
    measures = [m for m in view.settings.decider if any(view.against(m, arm) for arm in arms)]
    if not measures:
        return None
    figure = Figure(figsize=(WIDTH, 0.9 + (0.6 + 0.24 * len(arms)) * len(measures)))
    panels = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for panel, measure in zip(panels, measures, strict=True):
        _forest(view, panel, measure, arms)
    log_ratios(panels[-1].xaxis)
    panels[-1].set_xlabel(f"ratio to {view.settings.reference} (log axis); grey: A/A noise")
    figure.tight_layout()
    return figure


def _forest(view: View, panel: Axes, measure: Measure, arms: list[str]) -> None:
    placement = view.placement(measure.suite)
    noise = view.measured.noise(measure.suite, placement, measure.case, measure.metric)
    if noise is not None and noise.known:
        panel.axvspan(1 / noise.factor, noise.factor, color="#cccccc", alpha=0.7, linewidth=0)
    panel.axvline(1, color="#444444", linewidth=1)
    for place, arm in enumerate(reversed(arms)):
        found = view.against(measure, arm)
        if found is None:
            panel.text(
                1.03,
                place,
                "not measured",
                va="center",
                fontsize=8,
                color="#777777",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )
            continue
        colour, marker = mark(view, arm)
        if found.interval.known:
            panel.plot([found.interval.low, found.interval.high], [place, place], color=colour)
        panel.plot([found.interval.ratio], [place], marker=marker, color=colour, markersize=6)
    panel.set_yticks(range(len(arms)), list(reversed(arms)), fontsize=8.5)
    panel.set_ylim(-0.6, len(arms) - 0.4)
    panel.set_title(measure.title, loc="left", fontsize=10)


def cold_start(view: View) -> Figure | None:
    """Phases stacked, the reference on top; a tick where imports alone would end."""
    wanted = view.settings.cold_start
    placement = view.placement(wanted.suite)
    arms = [arm.id for arm in view.arms]

    def median(arm: str, case: str, metric: str) -> float:
        found = view.measured.absolute(wanted.suite, placement, Side(arm, case, metric))
        return 1000 * (found or 0.0)

    if not any(median(arm, wanted.case, p.metric) for arm in arms for p in wanted.phases):
        return None
    figure = Figure(figsize=(WIDTH, 1.9 + 0.36 * len(arms)))
    panel = figure.subplots()
    left = np.zeros(len(arms))
    places = np.arange(len(arms))[::-1]
    for phase, colour in zip(wanted.phases, COLOURS, strict=False):
        widths = np.array([median(arm, wanted.case, phase.metric) for arm in arms])
        panel.barh(places, widths, left=left, color=colour, label=phase.title, height=0.62)
        left += widths
    alone = [
        (median(arm, wanted.imports, wanted.alone), y) for arm, y in zip(arms, places, strict=True)
    ]
    shown = [(x, y) for x, y in alone if x]
    if shown:
        panel.plot(
            *zip(*shown, strict=True), "|", color="black", markersize=15, label="imports alone"
        )
    _bare_line(view, panel)
    panel.set_yticks(places, arms)
    panel.set_xlabel("ms from the spawn, medians over processes")
    figure.legend(loc="lower center", ncols=3, frameon=False, fontsize=8.5)
    figure.tight_layout(rect=(0, 0.55 / figure.get_figheight(), 1, 1))
    return figure


def _bare_line(view: View, panel: Axes) -> None:
    wanted = view.settings.cold_start
    for arm in view.evidence.arms:
        side = Side(arm.id, wanted.bare, wanted.alone)
        bare = view.measured.absolute(wanted.suite, view.placement(wanted.suite), side)
        if arm.role == "control" and bare is not None:
            panel.axvline(1000 * bare, color="black", linestyle=":", label="bare interpreter")


def spread(view: View) -> Figure | None:
    """Every process of the decider's first two measures as a dot, on log axes."""
    measures = [m for m in view.settings.decider[:2] if view.absolute(m, view.arms[0].id)[0]]
    if not measures:
        return None
    arms = [arm.id for arm in view.arms]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.34 * len(arms)))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        _, unit = view.absolute(measure, arms[0])
        placement = view.placement(measure.suite)
        for place, arm in enumerate(reversed(arms)):
            side = Side(arm, measure.case, measure.metric)
            values = [s.value for s in view.measured.samples(measure.suite, placement, side)]
            offsets = place + np.linspace(-0.28, 0.28, len(values) + 2)[1:-1]
            panel.plot(values, offsets, ".", color=mark(view, arm)[0], alpha=0.7, markersize=5)
        log_amounts(panel.xaxis, unit)
        panel.set_title(measure.title, loc="left", fontsize=10)
    panels[0].set_yticks(range(len(arms)), list(reversed(arms)))
    figure.tight_layout()
    return figure
