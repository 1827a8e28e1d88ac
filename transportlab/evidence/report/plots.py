"""The figures of the report, as SVG.

The same evidence gives the same bytes: letters are drawn as paths, ids are counted, and no setting
of the environment has an effect. Each figure is a function of the View that returns None if there
is nothing to draw; figures() calls them all.
"""

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
"""Inches. A report shows figures at the width of its text."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6bb1")
"""The palette of Okabe and Ito, which suits any colour vision, and one more for an eighth arm."""

MARKERS = "osD^vPX*"

_SHORT = 50
"""A log axis that spans a smaller factor may hold no power of ten; it has ticks at 2 and 5 too."""

STYLE = {
    "svg.hashsalt": "transportlab",  # otherwise ids are random, and equal shapes are written twice
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}

_HASHED = re.compile(rb'(?<=["#])[mp][0-9a-f]{10}(?=["\)])')
"""An id of matplotlib's, where it is defined and where it is used."""


def figures(view: View) -> dict[str, bytes]:
    """All figures that have something to show, as SVG by name."""
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
    # An id is a hash over coordinates with all their digits, and the last digit depends on which of
    # numpy's loops the processor can run. Counted ids are the same on every machine.
    names: dict[bytes, bytes] = {}
    return _HASHED.sub(
        lambda found: names.setdefault(found[0], b"id%d" % len(names)), out.getvalue()
    )


def decider(view: View) -> Figure | None:
    """Ratios with their intervals: a panel for each measure, a line for each arm."""
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
    """The phases of each arm's start, stacked, and a tick where its imports alone would end."""
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
    """Every process as a dot, for the first two measures of the summary."""
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


def floors(view: View) -> Figure | None:
    """A panel for each arm that has a floor: the transport as built, and its floor."""
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


def lines(view: View, curve: Curve) -> Figure | None:
    """A metric over a size, a line for each arm, on log axes."""
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
        unit = view.measured.unit(curve.suite, placement, sides[0].case, curve.metric)
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


def mark(view: View, arm: str) -> tuple[str, str]:
    """The colour and the marker of an arm, the same in every figure."""
    place = [one.id for one in view.arms].index(arm)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def log_amounts(axis: Axis, unit: str) -> None:
    """Make it a log axis whose ticks are amounts of that unit."""
    shown = FuncFormatter(lambda value, _: amount(value, unit) if value > 0 else "")
    _log_ticks(axis, shown)


def log_ratios(axis: Axis) -> None:
    """Make it a log axis of ratios."""
    _log_ticks(axis, FuncFormatter(lambda value, _: f"{value:g}"))


def _log_ticks(axis: Axis, shown: FuncFormatter) -> None:
    """Put ticks at powers of ten, and on a short axis at 2 and 5 times these as well."""
    (axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale)("log")
    low, high = axis.get_view_interval()
    short = high / low < _SHORT
    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if short else (1.0,)))
    axis.set_major_formatter(shown)
    axis.set_minor_formatter(NullFormatter())


def size_axis(panel: Axes) -> None:
    """Put a tick at each measured size. Sizes may be 0, so the axis is linear up to 1."""
    panel.set_xscale("symlog", linthresh=1)
    sizes = {float(x) for line in panel.lines for x in np.asarray(line.get_xdata())}
    panel.set_xticks(sorted(sizes))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size_text(value)))
    panel.xaxis.set_minor_locator(NullLocator())


def size_text(value: float) -> str:
    """A number of jobs or bytes, short enough for a tick: "256 Ki"."""
    for scale, name in ((2**20, "Mi"), (2**10, "Ki")):
        if value >= scale:
            return f"{value / scale:g} {name}"
    return f"{value:g}"
