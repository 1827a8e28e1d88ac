"""REPORT.md: what is read in five minutes. The figures that it rests on are in report/suites.md."""

import math
from collections.abc import Sequence

from transportlab.errors import UsageError
from transportlab.evidence.analysis.claims import ALPHA, Judged, Verdict
from transportlab.evidence.analysis.compare import Comparison, Side
from transportlab.evidence.analysis.stats import Interval
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import Cost, Measure, Pair, View
from transportlab.evidence.report.formatting import (
    NONE,
    amount,
    counts,
    difference,
    digits,
    interval,
    listed,
    probability,
    table,
    unit_of_differences,
)
from transportlab.registry import load_transport

WITHIN, BEYOND, OPEN, UNKNOWN = "yes", "no", "?", "not measured"
"""Whether a cost is within the budget: the whole interval is, or is not, or neither."""

_WORDS = {WITHIN: "within", BEYOND: "beyond", OPEN: "not decided", UNKNOWN: "not all measured"}


def answer(view: View) -> list[str]:
    """For each plugin and host, which transports the budget allows for what."""
    allowed = (f"a {x.title} may pay {x.ms:g} ms and {x.mib:g} MiB" for x in view.budget.values())
    lines = [
        f"Over `direct` of the same host, {', '.join(allowed)}. spec/budget.json has the reasons.",
        "",
    ]
    for host in dict.fromkeys([pair.host for pair in view.pairs] + list(view.titles_of("hosts"))):
        lines += [f"Host: {view.titles_of('hosts').get(host, host)}", ""]
        for pair in view.pairs:
            if pair.host == host:
                plugin = view.titles_of("plugins").get(pair.plugin, pair.plugin)
                lines.append(f"- **{plugin}**: {_answer_of(view, pair)}")
        lines += [*_left_out(view, host), ""]
    return lines


def _answer_of(view: View, pair: Pair) -> str:
    """The allowances that the usual arms of a pair keep to, in words."""
    usual = [arm for arm in view.arms_of(pair) if _is_candidate(view, arm)]
    parts = []
    for name, allowance in view.budget.items():
        kept: dict[str, list[str]] = {state: [] for state in _WORDS}
        for arm in usual:
            kept[_kept(view, name, arm)].append(arm.transport)
        words = [f"{listed(kept[state])} {text}" for state, text in _WORDS.items() if kept[state]]
        parts.append(f"{allowance.title}: {', '.join(words) or 'not measured'}")
    return "; ".join(parts) + "."


def _kept(view: View, allowance: str, arm: Arm) -> str:
    """Whether all costs of an arm are within an allowance."""
    states = [_state(view, one, arm) for one in view.settings.costs if one.allowance == allowance]
    return next(state for state in (BEYOND, UNKNOWN, OPEN, WITHIN) if state in states)


def _state(view: View, cost: Cost, arm: Arm) -> str:
    found = view.cost(cost.measure, arm)
    if found is None:
        return UNKNOWN
    limit = view.budget[cost.allowance].limit(view.unit(cost.measure))
    ends = found.difference.interval()
    if ends.high <= limit:
        return WITHIN
    return BEYOND if ends.low > limit else OPEN


def _is_candidate(view: View, arm: Arm) -> bool:
    """Whether an arm is in the summary: with its transport's usual codec, and no baseline."""
    return arm.usual and arm.id not in view.settings.baselines.values()


def _left_out(view: View, host: str) -> list[str]:
    """The plugins that there are and that were not measured with a host."""
    plugins = view.titles_of("plugins")
    missing = [title for one, title in plugins.items() if Pair(host, one) not in view.pairs]
    return [f"- Not measured: {'; '.join(missing)}."] if missing else []


def costs(view: View) -> list[str]:
    """What each arm costs over the baseline of its host."""
    wanted = view.settings.costs
    rows = []
    for arm in view.all_arms:
        if not _is_candidate(view, arm):
            continue
        found = [_cost(view, one, arm) for one in wanted]
        if set(found) != {NONE}:
            rows.append([_name(view, arm), *found])
    head = ["arm", *(_titled(view, one.measure) for one in wanted)]
    bare = sorted({pair.host for pair in view.pairs} - view.settings.baselines.keys())
    note = (
        [f"Host {', '.join(bare)} has no `direct`: its figures are over nothing."] if bare else []
    )
    return [
        "Over `direct` of the same host, with the 95 % interval of the paired differences. *no*:",
        "beyond the budget. *?*: the interval straddles it. Memory is what both ends have alone.",
        *note,
        "",
        *(table(head, rows) if rows else ["Not measured.", ""]),
        *_behind(view),
        *view.figure("ratios", "Ratios to gRPC of the same host and plugin", "report/"),
    ]


def _titled(view: View, measure: Measure) -> str:
    """The title of a column, with its unit if it was measured."""
    unit = view.unit(measure)
    return f"{measure.title}, {unit_of_differences(unit)}" if unit else measure.title


def _name(view: View, arm: Arm) -> str:
    return f"**{arm.id}**" if arm.id == view.settings.reference else arm.id


def _cost(view: View, cost: Cost, arm: Arm) -> str:
    found = view.cost(cost.measure, arm)
    if found is None:
        return NONE
    state = _state(view, cost, arm)
    shown = difference(found.difference.interval(), view.unit(cost.measure))
    return shown if state == WITHIN else f"{shown} {state}"


def _behind(view: View) -> list[str]:
    """The counts behind the columns, of the arm with the fewest blocks."""
    lines = []
    for one in view.settings.costs:
        found = [view.cost(one.measure, arm) for arm in view.all_arms if _is_candidate(view, arm)]
        known = [each.counts for each in found if each is not None]
        if known:
            fewest = min(known, key=lambda each: each.blocks)
            lines.append(f"{one.measure.title}: {counts(fewest)}")
    return [f"Behind each, at least: {'; '.join(lines)}.", ""] if lines else []


def start(view: View) -> list[str]:
    """Where the time of a start goes: the reference's pair, and its transport in others."""
    wanted = view.settings.cold_start
    placement = view.placement(wanted.suite)
    rows = []
    for arm in _started(view):
        values = [
            view.measured.absolute(wanted.suite, placement, Side(arm.id, wanted.case, one.metric))
            for one in wanted.parts
        ]
        if any(values):
            rows.append([arm.id, *(_milliseconds(value) for value in values)])
    if not rows:
        return ["Not measured.", ""]
    return [
        f"Geometric means over blocks, ms; of other pairs {_transport(view)} alone."
        " [performance.md](docs/performance.md) takes the line apart.",
        "",
        *table(["arm", *(one.title for one in wanted.parts)], rows),
    ]


def _started(view: View) -> list[Arm]:
    return [
        arm
        for arm in view.all_arms
        if _is_candidate(view, arm) and (arm in view.arms or arm.transport == _transport(view))
    ]


def _milliseconds(value: float | None) -> str:
    return NONE if value is None else digits(value * 1000)


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
    """In which measures each arm of the reference's pair is better or worse than the reference."""
    rows = [
        [arm.id, *_sides(view, arm), isolates(arm.transport)]
        for arm in view.arms
        if _is_candidate(view, arm) and arm.id != view.settings.reference
    ]
    margin = round(100 * (view.settings.margin - 1))
    return [
        f"Each transport over **{view.settings.reference}** of the same host and plugin. *Equal*:"
        f" within {margin} %, by two one-sided tests.",
        "",
        *table(
            ["arm", "better in", "worse in", "equal", "not told apart", "what it isolates"], rows
        ),
        f"{view.settings.reference} isolates {isolates(_transport(view))}.",
        "",
    ]


def _transport(view: View) -> str:
    return next((a.transport for a in view.arms if a.id == view.settings.reference), "")


def _sides(view: View, arm: Arm) -> list[str]:
    """Four cells: the measures that it is better and worse in, equal, and not told apart."""
    cells: tuple[list[str], ...] = ([], [], [], [])
    for measure in view.settings.decider:
        found = view.against(measure, arm.id)
        if found is None or found.ratio is None:
            continue
        place, text = _place(view, measure, found, found.ratio)
        cells[place].append(text)
    return [", ".join(cell) or NONE for cell in cells]


def _place(view: View, measure: Measure, found: Comparison, shown: Interval) -> tuple[int, str]:
    better, worse, equal, neither = range(4)
    margin = math.log(view.settings.margin)
    if found.logs is not None and found.logs.p_outside(-margin, margin) < ALPHA:
        return equal, measure.title
    if not shown.known or shown.low <= 1 <= shown.high:
        return neither, measure.title
    more_is_better = view.unit(measure) == "1/s"
    place = better if (shown.value > 1) == more_is_better else worse
    return place, f"{measure.title} {digits(shown.value)}"


def claims(judged: Sequence[Judged]) -> list[str]:
    """Every claim by its decision, with what was found and the verdict."""
    rows = [
        (
            one.claim.decision,
            f"{one.claim.id} {one.claim.comparison} {bound(one)}",
            found(one),
            NONE if one.verdict is Verdict.NOT_MEASURED else probability(one.p),
            str(one.verdict),
        )
        for one in judged
    ]
    return [
        "At 5 % over all claims together (Holm's p). report/suites.md has their sentences.",
        "",
        *table(("decision", "claim", "found", "p", "verdict"), rows),
    ]


def bound(one: Judged) -> str:
    """The bound of a claim: a ratio, or a limit in ms or MiB."""
    if not isinstance(one.claim.bound, str):
        return digits(one.claim.bound)
    return amount(one.limit, one.unit) if one.unit else one.claim.bound


def found(one: Judged) -> str:
    """What was found of a claim, with its interval, in the unit of its bound."""
    ends = one.interval
    if ends is None:
        return NONE
    return difference(ends, one.unit) if one.unit else interval(ends)
