"""REPORT.md: what is read in five minutes. The figures that it rests on are in report/suites.md."""

from collections import Counter
from collections.abc import Iterator, Sequence

from transportlab.errors import UsageError
from transportlab.evidence.analysis.claims import Judged, Verdict
from transportlab.evidence.analysis.compare import Counts, Side
from transportlab.evidence.analysis.stats import Told
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import Cost, Measure, Pair, View
from transportlab.evidence.report.formatting import (
    NONE,
    amount,
    behind,
    difference,
    digits,
    interval,
    listed,
    span,
    table,
    unit_of_differences,
)
from transportlab.registry import load_transport

WITHIN, BEYOND, OPEN, UNKNOWN = "within", "beyond", "not decided", "not all measured"
"""Where a cost is by the budget: the whole interval within, or beyond, or neither."""

MANY = 2
"""How many transports are named although all of a plugin's are in one place by the budget."""

PLACED = {
    "same": "on one CPU",
    "split": "each end on a CPU of its own",
    "unpinned": "on any CPU",
}
"""What a placement means."""

MEANINGS = {
    Verdict.INCONCLUSIVE: "*Inconclusive*: too little to tell.",
    Verdict.EQUAL: "*Practically equal*: within its margin of the bound.",
}
"""What a verdict means, where its word does not say it."""

BETTER, WORSE = "better", "worse"


def answer(view: View) -> list[str]:
    """For each use of a plugin, which transports the budget allows in which language."""
    lines = [
        view.settings.question,
        "",
        "A transport's cost is what its plugin takes over a baseline, a backend in the same host's",
        "process. What it may be, and why, stands in spec/budget.json. Hosts:",
        f"{'; '.join(f'{host}, {title}' for host, title in view.titles_of('hosts').items())}.",
        f"A first start under {view.own.host} includes that host's import of the transport.",
        "",
    ]
    for name, allowance in view.budget.items():
        told: dict[str, list[str]] = {}
        for plugin in view.plugins:
            title = f"**{view.named('plugins', plugin)}**"
            told.setdefault(_answer_of(view, name, plugin), []).append(title)
        lines += [
            f"For a {allowance.title}, {_limits(view, name)}:",
            "",
            *(f"- {'; '.join(plugins)}: {text}." for text, plugins in told.items()),
            "",
        ]
    return lines


def _limits(view: View, allowance: str) -> str:
    """What is held against an allowance, and its limits."""
    allowed, parts = view.budget[allowance], []
    for cost in view.settings.costs:
        if allowance in {cost.allowance, cost.also}:
            limits = {"s": f" at most {allowed.ms:g} ms", "B": f" at most {allowed.mib:g} MiB"}
            parts.append(cost.measure.title + limits.get(view.unit(cost.measure), ""))
    return listed(parts) if parts else "nothing measured"


def _answer_of(view: View, allowance: str, plugin: str) -> str:
    """Where the transports of a plugin are by an allowance; under each host if hosts differ."""
    told = {host: _kept_by(view, allowance, Pair(host, plugin)) for host in view.hosts}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"host {host}: {text}" for host, text in told.items())


def _kept_by(view: View, allowance: str, pair: Pair) -> str:
    """Where the transports of a pair are by an allowance."""
    kept: dict[str, list[str]] = {state: [] for state in (WITHIN, BEYOND, OPEN, UNKNOWN)}
    for arm in view.candidates:
        if Pair(arm.host, arm.plugin) == pair:
            kept[_kept(view, allowance, arm)].append(arm.transport)
    told = {state: names for state, names in kept.items() if names}
    for state, names in told.items():
        if len(told) == 1 and len(names) > MANY:
            return f"all {len(names)} {state}"
    return ", ".join(f"{listed(names)} {state}" for state, names in told.items()) or "not measured"


def _kept(view: View, allowance: str, arm: Arm) -> str:
    """Whether all costs of an arm are within an allowance."""
    held = [one for one in view.settings.costs if allowance in {one.allowance, one.also}]
    states = [_state(view, one.measure, allowance, arm) for one in held]
    return next((state for state in (BEYOND, UNKNOWN, OPEN) if state in states), WITHIN)


def _state(view: View, measure: Measure, allowance: str, arm: Arm) -> str:
    found = view.cost(measure, arm)
    if found is None:
        return UNKNOWN
    limit = view.budget[allowance].limit(view.unit(measure))
    ends = found.difference.interval()
    if ends.high <= limit:
        return WITHIN
    return BEYOND if ends.low - _share(view, measure, arm) > limit else OPEN


def _share(view: View, measure: Measure, arm: Arm) -> float:
    """What of an arm's figure may be its host's own: 0 over a baseline, else at most the least."""
    if view.baselines.get(arm.host, arm) != arm:
        return 0.0
    values = [view.absolute(measure, one.id) for one in view.candidates if one.host == arm.host]
    return min((value for value in values if value is not None), default=0.0)


def costs(view: View) -> list[str]:
    """What each transport costs, by plugin, under each host that was measured."""
    hosts = list(dict.fromkeys(arm.host for arm in view.candidates))
    columns = [(host, one) for host in hosts for one in view.settings.costs]
    rows = []
    for name, arms in _grouped(view, hosts):
        cells = [shown_cost(view, one, arms.get(host)) for host, one in columns]
        if set(cells) != {NONE}:
            rows.append([*name, *cells])
    heads = [f"{titled(view, one.measure)}, {host}" for host, one in columns]
    return [
        "Over the same host's baseline, with 95 % intervals of differences within blocks.",
        "**Bold**: beyond the budget; *?*: not decided. Below 0: less than the baseline.",
        f"Memory: both ends, what they share once, by the limit of a {_strictest(view)}.",
        *_bases(view, hosts),
        "",
        *(table(("plugin", "over", *heads), rows, texts=2) if rows else ["Not measured.", ""]),
        *_behind(view),
        *view.figure("ratios", "Ratios to gRPC of the same host and plugin", "report/"),
    ]


def _strictest(view: View) -> str:
    """The use of a plugin whose limit the last column is held against."""
    return view.budget[view.settings.costs[-1].allowance].title


def _grouped(view: View, hosts: Sequence[str]) -> Iterator[tuple[list[str], dict[str, Arm]]]:
    """The plugin and the transport of each row, and its arms by host."""
    found: dict[tuple[str, str], dict[str, Arm]] = {}
    for plugin in view.plugins:
        for arm in view.candidates:
            if arm.plugin == plugin and arm.host in hosts:
                found.setdefault((plugin, arm.transport), {})[arm.host] = arm
    for (plugin, transport), arms in found.items():
        of = "".join(f", baseline of {h}" for h, arm in arms.items() if view.is_baseline(arm))
        yield [view.named("plugins", plugin), transport + of], arms


def _bases(view: View, hosts: Sequence[str]) -> Iterator[str]:
    """What each baseline is and takes; of hosts without one, what their figures are."""
    for host in hosts:
        arm = view.baselines.get(host)
        if arm is None:
            yield f"{host} has no baseline here, so its figures are whole. *?* also where its own"
            yield "share, at most the least of them, may decide."
        elif arm in view.candidates:
            yield f"Baseline of {host}: {view.baseline(host)}. Its row is whole, host included."
            yield "The other rows are too low by what its plugin takes: in time by less than its"
            yield f"row, in memory by about what it takes under {view.own.host}."
        else:
            found = [
                (one.measure, view.absolute(one.measure, arm.id)) for one in view.settings.costs
            ]
            known = [f"{m.title} {amount(v, view.unit(m))}" for m, v in found if v is not None]
            yield f"Baseline of {host}: {view.baseline(host)}: {listed(known)}."


def titled(view: View, measure: Measure) -> str:
    """The title of a column, with its unit if it was measured."""
    unit = view.unit(measure)
    return f"{measure.title}, {unit_of_differences(unit)}" if unit else measure.title


def shown_cost(view: View, cost: Cost, arm: Arm | None) -> str:
    """What an arm costs, marked if that is beyond the budget, or may be."""
    found = view.cost(cost.measure, arm) if arm else None
    if found is None or arm is None:
        return NONE
    shown = difference(found.difference.interval(), view.unit(cost.measure))
    state = _state(view, cost.measure, cost.allowance, arm)
    return f"**{shown}**" if state == BEYOND else shown if state == WITHIN else f"{shown} ?"


def _behind(view: View) -> list[str]:
    """The counts behind the figure with the fewest blocks, and the calls of what is repeated."""
    known: list[Counts] = []
    calls = []
    for one in view.settings.costs:
        found = (view.cost(one.measure, arm) for arm in view.candidates)
        these = [each.counts for each in found if each is not None]
        known += these
        low, high = (
            (pick(c for x in these for c in x.calls) for pick in (min, max)) if these else (1, 1)
        )
        if high > 1:
            where = PLACED[view.placement(one.measure.suite)]
            calls.append(f"; {one.measure.title}: {low:,} to {high:,} calls in each, {where}")
    if not known:
        return []
    least = min(known, key=lambda each: each.blocks)
    return [f"Behind each: at least {behind(least)}{''.join(calls)}.", ""]


def start(view: View) -> list[str]:
    """Where the time of a start goes, by plugin and host; what others would write beside it."""
    parts = view.settings.cold_start.parts
    transports = list(dict.fromkeys(arm.transport for arm in view.candidates))
    rows = []
    for host in dict.fromkeys(arm.host for arm in view.candidates):
        for plugin in view.plugins:
            if host == view.own.host and plugin != view.own.plugin:
                continue  # suites.md has them
            arms = {a.transport: a for a in view.candidates if (a.host, a.plugin) == (host, plugin)}
            cells = [_parts(view, arms.get(transport)) for transport in transports]
            if set(cells) != {NONE}:
                rows.append([view.named("plugins", plugin), host, *cells])
    if not rows:
        return ["Not measured.", ""]
    return [
        f"Geometric means, ms: {' + '.join(part.title for part in parts)}.",
        "",
        *table(("plugin", "host", *transports), rows, texts=2),
        *_peers(view),
    ]


def _parts(view: View, arm: Arm | None) -> str:
    """The parts of a start: "8.1 + 3.2 + 1.0"."""
    wanted = view.settings.cold_start
    found = [_phase(view, arm, wanted.case, part.metric) for part in wanted.parts]
    known = [_milliseconds(value) for value in found]
    return NONE if set(known) == {NONE} else " + ".join(known)


def _phase(view: View, arm: Arm | None, case: str, metric: str) -> float | None:
    if arm is None:
        return None
    suite = view.settings.cold_start.suite
    return view.measured.absolute(suite, view.placement(suite), Side(arm.id, case, metric))


def _peers(view: View) -> list[str]:
    """What plugins cost that others would write, and the least that answer."""
    cost, found = view.settings.costs[0], dict[tuple[str, str], dict[str, Arm]]()
    for arm in view.peers:
        found.setdefault((arm.plugin, arm.transport), {})[arm.host] = arm
    hosts = [host for host in view.hosts if any(host in arms for arms in found.values())]
    rows = [
        [
            view.named("peers", plugin),
            transport,
            *(shown_cost(view, cost, arms.get(host)) for host in hosts),
        ]
        for (plugin, transport), arms in found.items()
    ]
    if not rows:
        return []
    return [
        "What others would write, and the least that answers a Read:"
        f" {titled(view, cost.measure)}, over the baseline.",
        "",
        *table(("plugin", "over", *hosts), rows, texts=2),
    ]


def _milliseconds(value: float | None) -> str:
    return NONE if value is None else digits(value * 1000, 2)


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
    """What each transport is better and worse in than the reference's, over all pairs."""
    own = next((a.transport for a in view.arms if a.id == view.settings.reference), "")
    others = list(dict.fromkeys(a.transport for a in view.candidates if a.transport != own))
    if not others:
        return ["Not measured.", ""]
    rows = [
        [measure.title, *(_against(view, measure, transport) for transport in others)]
        for measure in view.settings.decider
    ]
    kept: dict[str, list[str]] = {}
    for transport in (own, *others):
        kept.setdefault(isolates(transport), []).append(transport)
    guards = "; ".join(f"by {listed(names)} {what}" for what, names in kept.items())
    margin = round(100 * (view.settings.margin - 1))
    return [
        f"Ratios of whole figures to {own} of the same plugin and host: lowest to highest, and how",
        f"many are better or worse. *Equal*: within {margin} %, by two",
        "one-sided tests. *?*: not told apart.",
        "",
        *table(("in", *others), [row for row in rows if set(row[1:]) != {NONE}]),
        f"Kept from the host: {guards}.",
        "",
    ]


def _against(view: View, measure: Measure, transport: str) -> str:
    """The range of a transport's ratios to the reference's, and how many of them are what."""
    ratios, told = [], Counter[str]()
    for arm in view.candidates:
        reference = view.reference_of(Pair(arm.host, arm.plugin))
        if arm.transport != transport or reference is None:
            continue
        found = view.compare(measure, arm.id, reference.id)
        if found is None or found.logs is None or found.ratio is None:
            continue
        ratios.append(found.ratio.value)
        told[_judged(found.logs.told(view.settings.margin), rate=view.unit(measure) == "1/s")] += 1
    if not ratios:
        return NONE
    counted = ", ".join(
        f"{told[word]} {word}" for word in (BETTER, WORSE, "equal", "?") if told[word]
    )
    return f"{span(ratios)}: {counted}"


def _judged(told: Told, *, rate: bool) -> str:
    """A word for what a ratio tells. rate: more is better."""
    if told in {Told.LESS, Told.MORE}:
        return BETTER if (told is Told.MORE) == rate else WORSE
    return "equal" if told is Told.EQUAL else "?"


def claims(judged: Sequence[Judged]) -> list[str]:
    """The claims by verdict, each with what was found and its bound."""
    told: dict[Verdict, list[str]] = {}
    for one in judged:
        measured = "" if one.found is None else f" {found(one)}"
        text = f"{one.claim.id}{measured} {one.claim.comparison} {bound(one)}"
        told.setdefault(one.verdict, []).append(text)
    return [
        "Sentences: report/suites.md. Verdicts: at 5 % over all claims (Holm).",
        *(meaning for verdict, meaning in MEANINGS.items() if verdict in told),
        *_whole(judged),
        "",
        *(
            f"- **{verdict}**: {'; '.join(told[verdict])}."
            for verdict in Verdict
            if verdict in told
        ),
        "",
    ]


def _whole(judged: Sequence[Judged]) -> Iterator[str]:
    """The claims about whole figures, which costs in the tables are less than."""
    names = [one.claim.id for one in judged if not one.claim.against]
    if names:
        shown = listed(sorted({name.rpartition("-")[0] for name in names}))
        yield f"The baseline is not subtracted in the {len(names)} of {shown}."


def bound(one: Judged) -> str:
    """The bound of a claim: a ratio, or a limit in ms or MiB."""
    if not isinstance(one.claim.bound, str):
        return f"{one.claim.bound:g}"
    value, _, unit = amount(one.limit, one.unit).partition(" ")
    return f"{float(value):g} {unit}" if one.unit else one.claim.bound


def found(one: Judged) -> str:
    """What was found of a claim, with its interval, in the unit of its bound."""
    ends = one.interval
    if ends is None:
        return NONE
    return difference(ends, one.unit) if one.unit else interval(ends)
