"""The figures of the report, as SVG.

The same evidence gives the same bytes: letters are drawn as paths, ids are counted, and no setting
of the environment has an effect. Each figure is a function of the View that returns None if there
is nothing to draw; figures() calls them all.

A figure has no ground of its own, and its ink is currentColor, which follows the reader's scheme:
light or dark. Colours are those that both grounds show.
"""

import re
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from itertools import pairwise

import matplotlib as mpl
import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from transportlab.evidence.analysis.compare import Side
from transportlab.evidence.record import Arm
from transportlab.evidence.report.breakdown import floor_arms
from transportlab.evidence.report.config import Curve, Measure, View, pair_of
from transportlab.evidence.report.formatting import amount
from transportlab.registry import load_transport

WIDTH = 9.0
"""Inches. A report shows figures at the width of its text."""

COLOURS = ("#2084c8", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#888888", "#8c6bb1")
"""The palette of Okabe and Ito, for any colour vision; a lighter blue, grey for black, one more."""

MARKERS = "osD^vPX*"

_SHORT = 50
"""A log axis that spans a smaller factor may hold no power of ten; it has ticks at 2 and 5 too."""

INK = "#010203"
"""Stands for currentColor until the SVG is written; nothing else has this colour."""

SCHEMES = b"<style>svg{color:#1f2328}@media (prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
"""What currentColor is in a page's image, which the colour of the page does not reach."""

STYLE = {
    "svg.hashsalt": "transportlab",  # otherwise ids are random, and equal shapes are written twice
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "axes.axisbelow": True,
    "savefig.transparent": True,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_HASHED = re.compile(rb'(?<=["#])[mp][0-9a-f]{10}(?=["\)])')
"""An id of matplotlib's, where it is defined and where it is used."""


class Drawing(msgspec.Struct, frozen=True):
    """A figure to be made. title and text: what it shows, for whoever does not see it."""

    title: str
    text: str
    make: Callable[[], Figure | None]


def figures(view: View) -> dict[str, bytes]:
    """All figures that have something to show, as SVG by name."""
    drawings = {
        "ratios": Drawing(
            "Ratios to gRPC of the same host and plugin",
            "A dot for each arm with its 95 % interval: left of 1 is faster or smaller than gRPC.",
            lambda: ratios(view),
        ),
        "cold-start": Drawing(
            "Phases of a cold start",
            "A bar for each transport of a plugin, its phases one after the other, in ms.",
            lambda: cold_start(view),
        ),
        "spread": Drawing(
            "Every process", "A dot for each process, a line for each arm.", lambda: spread(view)
        ),
        "floors": Drawing(
            "Each transport and its reference echo",
            "Time there and back over the number of bytes, as built and by an echo alone.",
            lambda: floors(view),
        ),
    }  # fmt: skip
    for curve in view.settings.curves:
        drawings[curve.name] = Drawing(
            curve.title,
            f"A line for each arm over the number of {curve.xlabel}.",
            lambda curve=curve: lines(view, curve),  # type: ignore[misc]  # one per curve
        )
    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in STYLE.items():
            mpl.rcParams[name] = value  # type: ignore[index]  # the stubs list every name
        made = {name: (drawing, drawing.make()) for name, drawing in drawings.items()}
        return {name: _svg(one, figure) for name, (one, figure) in made.items() if figure}


def _svg(drawing: Drawing, figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    # An id is a hash over coordinates with all their digits, and the last digit depends on which of
    # numpy's loops the processor can run. Counted ids are the same on every machine.
    names: dict[bytes, bytes] = {}
    svg = _HASHED.sub(
        lambda found: names.setdefault(found[0], b"id%d" % len(names)), out.getvalue()
    )
    # Shapes without a fill are black, and so are matplotlib's letters.
    svg = svg.replace(INK.encode(), b"currentColor").replace(b"<svg ", b'<svg fill="currentColor" ')
    start = svg.index(b">", svg.index(b"<svg ")) + 1
    told = f"<title>{escape(drawing.title)}</title><desc>{escape(drawing.text)}</desc>"
    return svg[:start] + told.encode() + SCHEMES + svg[start:]


IN_PROCESS, OWN_PROCESS = "no plugin process", "with a plugin process"


def ratios(view: View) -> Figure | None:
    """Ratios to gRPC of the same pair with their intervals: a panel a measure, a line an arm."""
    rows = _ratio_rows(view)
    measures = [m for m in view.settings.ratios if any(view.compare(m, a.id, r) for a, r in rows)]
    if not measures:
        return None
    figure = Figure(figsize=(WIDTH, 1.2 + 0.26 * len(rows)))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        _forest(view, panel, measure, rows)
    panels[0].set_yticks(range(len(rows)), [_label(arm) for arm, _ in reversed(rows)], fontsize=8.5)
    panels[0].set_ylim(-0.6, len(rows) - 0.4)
    figure.supxlabel(
        "ratio to gRPC with the same host and plugin; left is less", fontsize=9, color=INK
    )
    figure.tight_layout()
    return figure


def _label(arm: Arm) -> str:
    return f"{arm.host} host, {arm.plugin}: {arm.transport}"


def _ratio_rows(view: View) -> list[tuple[Arm, str]]:
    """Arms, each with what it is compared with; those without a plugin process last."""
    found = [
        (arm, same.id)
        for arm in view.candidates
        if (same := view.reference_of(pair_of(arm))) and arm != same
    ]
    return sorted(found, key=lambda row: not _isolated(row[0]))


def _isolated(arm: Arm) -> bool:
    return load_transport(arm.transport).traits.isolated


def _forest(view: View, panel: Axes, measure: Measure, rows: list[tuple[Arm, str]]) -> None:
    panel.axvspan(
        1 / view.settings.margin, view.settings.margin, color=INK, alpha=0.08, linewidth=0
    )
    panel.axvline(1, color=INK, linewidth=1)
    transports = list(dict.fromkeys(arm.transport for arm, _ in rows))
    shown: list[float] = [1]
    for place, (arm, reference) in enumerate(reversed(rows)):
        found = view.compare(measure, arm.id, reference)
        if found is None or found.ratio is None:
            panel.text(1, place, " not measured", va="center", fontsize=8, alpha=0.7)
            continue
        at = transports.index(arm.transport) % len(COLOURS)
        ends = found.ratio
        if ends.known:
            panel.plot([ends.low, ends.high], [place, place], color=COLOURS[at], linewidth=2)
            shown += [ends.low, ends.high]
        panel.plot([ends.value], [place], marker=MARKERS[at], color=COLOURS[at], markersize=5)
        shown.append(ends.value)
    inside = sum(not _isolated(arm) for arm, _ in rows)
    if 0 < inside < len(rows):
        panel.axhline(inside - 0.5, color=INK, linewidth=0.6, linestyle=":")
        for height, text in ((inside - 0.45, OWN_PROCESS), (inside - 0.55, IN_PROCESS)):
            panel.text(
                0.995, height, text, transform=panel.get_yaxis_transform(), ha="right", fontsize=7,
                va="bottom" if text == OWN_PROCESS else "top", alpha=0.8,
            )  # fmt: skip
    for place, (one, other) in enumerate(pairwise(reversed(rows))):
        if pair_of(one[0]) != pair_of(other[0]):
            panel.axhline(place + 0.5, color=INK, linewidth=0.4, alpha=0.3)
    ratio_axis(panel, shown)
    panel.set_title(measure.title, loc="left", fontsize=10)


_NEAR = 0.1
"""Logs of ratios up to this size have most of the axis' width."""

_LEAST = 1e-9
"""The axis asks for the place of 0 as well, which has none."""

_TICKS = (0.01, 0.1, 0.2, 0.5, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 5, 10, 100)


def ratio_axis(panel: Axes, shown: Sequence[float]) -> None:
    """Make it an axis of ratios that is linear around 1, where readers look, and log far away."""

    def there(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.arcsinh(np.log(np.maximum(ratio, _LEAST)) / _NEAR)

    def back(place: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(np.sinh(place) * _NEAR)

    panel.set_xscale("function", functions=(there, back))
    low, high = min(0.78, *shown) * 0.9, max(1.25, *shown) * 1.1
    panel.set_xlim(low, high)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=7, rotation=60)
    panel.xaxis.set_minor_locator(NullLocator())


def cold_start(view: View) -> Figure | None:
    """The phases of each start, stacked: a panel for each host, a bar for each arm."""
    wanted = view.settings.cold_start
    arms = {(arm.host, arm.plugin, arm.transport): arm.id for arm in view.candidates}
    hosts = list(dict.fromkeys(host for host, *_ in arms))
    rows = list(dict.fromkeys((plugin, transport) for _, plugin, transport in arms))[::-1]
    if not any(
        _start(view, arm, wanted.case, p.metric) for arm in arms.values() for p in wanted.phases
    ):
        return None
    figure = Figure(figsize=(WIDTH, 1.9 + 0.27 * len(rows)))
    panels = figure.subplots(1, len(hosts), sharex=True, sharey=True, squeeze=False)[0]
    for panel, host in zip(panels, hosts, strict=True):
        here = [(y, arms.get((host, *row), "")) for y, row in enumerate(rows)]
        _phases(view, panel, [(y, arm) for y, arm in here if arm])
        panel.set_title(f"host {host}", loc="left", fontsize=10)
        panel.set_xlabel("ms from the spawn, geometric means over blocks", fontsize=9)
    panels[0].set_yticks(range(len(rows)), [f"{plugin}: {over}" for plugin, over in rows])
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False,
        fontsize=8.5,
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.55 / figure.get_figheight(), 1, 1))
    return figure


def _start(view: View, arm: str, case: str, metric: str) -> float:
    """Milliseconds of a start; 0 if they were not measured."""
    wanted = view.settings.cold_start
    side = Side(arm, case, metric)
    return 1000 * (view.measured.absolute(wanted.suite, view.placement(wanted.suite), side) or 0.0)


def _phases(view: View, panel: Axes, bars: list[tuple[int, str]]) -> None:
    """Bars at their places, and a tick where the imports of a plugin alone would end."""
    wanted = view.settings.cold_start
    places = np.array([place for place, _ in bars])
    left = np.zeros(len(bars))
    for phase, colour in zip(wanted.phases, COLOURS, strict=False):
        widths = np.array([_start(view, arm, wanted.case, phase.metric) for _, arm in bars])
        panel.barh(places, widths, left=left, color=colour, label=phase.title, height=0.62)
        left += widths
    alone = [(_start(view, arm, wanted.imports, wanted.alone), place) for place, arm in bars]
    shown = [(x, y) for x, y in alone if x]
    if shown:
        panel.plot(*zip(*shown, strict=True), "|", color=INK, markersize=11, label="imports alone")
    controls = (arm.id for arm in view.evidence.arms if arm.role == "control")
    bare = [_start(view, control, wanted.bare, wanted.alone) for control in controls]
    if any(bare):
        panel.axvline(max(bare), color=INK, linestyle=":", label="bare Python interpreter")


def spread(view: View) -> Figure | None:
    """Every process as a dot, for the measures of the summary's figure."""
    if not view.arms:
        return None
    measures = [m for m in view.settings.ratios if view.absolute(m, view.arms[0].id)]
    if not measures:
        return None
    arms = [arm.id for arm in view.arms]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.34 * len(arms)))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for panel, measure in zip(panels, measures, strict=True):
        unit = view.unit(measure)
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
    """A panel for each arm that has an echo: the transport as built, and the echo."""
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
            label = "as built" if prefix == wanted.prefix else "echo"
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
    ends: list[tuple[float, str, str]] = []
    for arm in view.arms:
        sizes = view.sizes(curve.suite, arm.id, curve.prefix)
        sides = [Side(arm.id, f"{curve.prefix}{size}", curve.metric) for size in sizes]
        values = [view.measured.absolute(curve.suite, placement, side) for side in sides]
        points = [(size, v) for size, v in zip(sizes, values, strict=True) if v is not None]
        if not points:
            continue
        unit = view.measured.unit(curve.suite, placement, sides[0].case, curve.metric)
        colour, marker = mark(view, arm.id)
        panel.plot(*zip(*points, strict=True), color=colour, marker=marker, markersize=4)
        ends.append((points[-1][1], arm.id, colour))
    if not unit:
        return None
    size_axis(panel)
    log_amounts(panel.yaxis, unit)
    panel.set_xlabel(curve.xlabel)
    panel.set_title(f"{curve.title}, placement {placement}", loc="left", fontsize=10)
    _labels(panel, ends)
    figure.tight_layout()
    return figure


_APART = 0.05
"""Labels at the ends of lines are at least this part of the panel's height apart."""


def _labels(panel: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Name each line at its end, one above the other where lines end close together."""
    low, high = np.log(panel.get_ylim())
    place = -1.0
    for value, name, colour in sorted(ends):
        place = max(place + _APART, float((np.log(value) - low) / (high - low)))
        panel.text(
            1.01, place, name, color=colour, fontsize=8.5, va="center", transform=panel.transAxes
        )


def mark(view: View, arm: str) -> tuple[str, str]:
    """The colour and the marker of an arm, the same in every figure."""
    place = [one.id for one in view.arms].index(arm)
    return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def log_amounts(axis: Axis, unit: str) -> None:
    """Make it a log axis whose ticks are amounts of that unit."""
    shown = FuncFormatter(lambda value, _: amount(value, unit) if value > 0 else "")
    _log_ticks(axis, shown)


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
