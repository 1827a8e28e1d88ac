"""What the figures share: colours and marks of the arms, and axes that are read as amounts."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from transportlab.evidence.view import View
from transportlab.evidence.words import amount

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
