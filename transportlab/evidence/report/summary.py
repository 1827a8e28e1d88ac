"""The first two sections: every arm against the reference, and what the reference is worse in."""

from transportlab.errors import UsageError
from transportlab.evidence.analysis.compare import Comparison
from transportlab.evidence.report.config import Measure, View
from transportlab.evidence.report.formatting import (
    NONE,
    amount,
    interval,
    listed,
    noise,
    ratio,
    table,
)
from transportlab.registry import load_transport


def summary(view: View) -> list[str]:
    """Arms by measures: the ratio to the reference, and the median below it."""
    measures = view.settings.decider
    reference = view.settings.reference
    head = ["arm", *(measure.title for measure in measures), "what it isolates"]
    rows = [
        [
            f"**{arm.id}**" if arm.id == reference else arm.id,
            *(_cell(view, measure, arm.id) for measure in measures),
            isolates(arm.transport),
        ]
        for arm in view.arms
    ]
    rows.append(["*A/A noise*", *(_noise(view, measure) for measure in measures), NONE])
    return [
        f"Ratios to **{reference}**: below 1 is faster or smaller. In brackets is the 95 %",
        "interval of the geometric mean of the ratios within blocks. Below it is the median over",
        "processes, which holds for this machine only. *(noise)*: two copies of one arm can differ",
        "by as much.",
        "",
        *table(head, rows),
        *view.figure("decider", "Ratios of every arm to the reference, with intervals"),
    ]


def _cell(view: View, measure: Measure, arm: str) -> str:
    value, unit = view.absolute(measure, arm)
    if value is None:
        return NONE
    if arm == view.settings.reference:
        return f"1<br>{amount(value, unit)}"
    return f"{ratio(view.against(measure, arm))}<br>{amount(value, unit)}"


def _noise(view: View, measure: Measure) -> str:
    placement = view.placement(measure.suite)
    found = view.measured.noise(measure.suite, placement, measure.case, measure.metric)
    return NONE if found is None else interval(found)


def isolates(transport: str) -> str:
    """What of a plugin cannot reach the host, by the transport's traits.

    The dash of an empty cell for a transport that is not installed here.
    """
    try:
        traits = load_transport(transport).traits
    except UsageError:
        return NONE
    kept = [("a crash", traits.isolated), ("a hang", traits.killable)]
    kept.append(("a missed deadline", traits.enforces_deadline))
    held = [what for what, holds in kept if holds]
    return listed(held) if held else "nothing"


def worse_and_better(view: View) -> list[str]:
    """By measure, the arms that the reference is worse than, and those that it is better than."""
    rows = [[measure.title, *_sides(view, measure)] for measure in view.settings.decider]
    reference = view.settings.reference
    return [
        f"**{reference}** against every other arm. It is worse or better if the whole interval",
        "lies on one side of 1 and the ratio lies outside of the noise; otherwise the two are not",
        "told apart.",
        "",
        *table(["measure", "worse than", "better than", "not told apart from"], rows),
    ]


def _sides(view: View, measure: Measure) -> list[str]:
    """Three cells: the arms worse than, better than, and not told apart from."""
    worse: list[tuple[float, str]] = []
    better: list[tuple[float, str]] = []
    neither: list[str] = []
    _, unit = view.absolute(measure, view.settings.reference)
    for arm in view.arms:
        found = view.against(measure, arm.id)
        if arm.id == view.settings.reference or found is None:
            continue
        above = told_apart(found)
        if above is None:
            neither.append(arm.id)
            continue
        factor = found.interval.ratio if above else 1 / found.interval.ratio
        # A larger figure of the other arm is in the reference's favour, unless it is a rate.
        side = better if above != (unit == "1/s") else worse
        side.append((factor, f"{arm.id} ({noise(factor)})"))
    shown = [", ".join(text for _, text in sorted(side, reverse=True)) for side in (worse, better)]
    return [text or NONE for text in (*shown, ", ".join(neither))]


def told_apart(found: Comparison) -> bool | None:
    """Whether a ratio is above 1; None if that cannot be told."""
    interval = found.interval
    if found.within_noise or interval.low <= 1 <= interval.high:
        return None
    return interval.low > 1
