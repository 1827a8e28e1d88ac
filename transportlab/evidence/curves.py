"""Figures over a size: a metric by jobs, bytes, calls in flight; a transport over its floor."""

from matplotlib.figure import Figure

from transportlab.evidence.apart import floor_arms
from transportlab.evidence.axes import WIDTH, log_amounts, mark, size_axis
from transportlab.evidence.compare import Side
from transportlab.evidence.settings import Curve
from transportlab.evidence.view import View


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
