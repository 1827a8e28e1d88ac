"""Derives the figures of the record and of README.md: what stands between two marks in each.

They are those that REPORT.md has, by host, plugin and transport, and the rankings of `transportlab
decide`. The rest of the file is written by hand and stays as it is. The figures are of the newest
code that evidence/runs has runs of, whatever the code of the tree is: tests/test_record.py tells if
that is another one.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from textwrap import wrap

from msgspec import Struct
from msgspec.structs import replace

from tools.generate import ROOT
from tools.generate.decision import scored
from transportlab.data import ANY_RUN, RUNS
from transportlab.decision.criteria import Decision, Language, Option, Scenario
from transportlab.decision.ranking import Move, Ranking, Total, rank
from transportlab.decision.scoring import Cells, cells
from transportlab.decision.sources import Sources
from transportlab.evidence.analysis.claims import judge
from transportlab.evidence.analysis.compare import Comparison, Counts
from transportlab.evidence.analysis.runs import digest_of, machine_name, read
from transportlab.evidence.record import Arm
from transportlab.evidence.report import machines
from transportlab.evidence.report.config import Cost, View
from transportlab.evidence.report.document import load_rules, views_of
from transportlab.evidence.report.formatting import (
    NONE,
    behind,
    difference,
    listed,
    table,
    unit_of_differences,
)
from transportlab.evidence.report.summary import PLACED

RECORD = Path("spec/DECISIONS.md")
README = Path("README.md")

BEGIN = "<!-- figures: made by `python -m tools.generate`; do not edit -->"
END = "<!-- end of the figures -->"

WIDTH = 72

BUDGETS_MS = (25, 50, 100, 150)
"""Budgets of a start: the one of spec/budget.json, and others."""

LEADING = 4
"""How many criteria are named that a lead rests on."""

COUNTED = {"lines", "clauses"}
"""The units of what is counted and shown."""

PLUGINS, PEERS = "plugins", "peers"
"""The kinds of plugins that have titles."""

BEYOND, OPEN = " **!**", " ?"
"""Behind a cost: its whole interval is beyond the budget, or it reaches across the budget."""


class _Cost(Struct, frozen=True):
    """What was found, and what stands behind it if it is of a baseline."""

    found: Comparison
    of: str


Found = dict[tuple[str, str], _Cost]
"""By plugin, as it is called, and option."""


def derive() -> dict[Path, bytes]:
    """What the files must hold, by their paths from the project's root."""
    made = {RECORD: figures(), README: starts()}
    return {
        path: renewed((ROOT / path).read_text(), lines, path).encode()
        for path, lines in made.items()
    }


def renewed(text: str, lines: Sequence[str], path: Path = RECORD) -> str:
    """The text with these lines between the two marks. Raises ValueError if a mark is missing."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: expected a line {BEGIN} and below it a line {END}")
    return "\n".join([head + BEGIN, "", *lines, END + tail])


def figures() -> list[str]:
    """The lines between the marks."""
    view, (decision, found) = measured(), scored()
    record = decision.scenarios[0]
    first = rank(decision, found, record, decision.weights(record), draws=1).totals[0].option
    lines = [
        *_about(view),
        *_costs(view, decision, first),
        *_counted(view, decision),
        *_rankings(view, decision, found),
    ]
    return [part for line in lines for part in _wrapped(line)]


def starts() -> list[str]:
    """The first cost of the report under the record's first host, as README.md has it."""
    view, (decision, _) = measured(), scored()
    options = [option for option in decision.options if _arms(view, option)]
    cost = view.settings.costs[0]
    return _table(view, cost, options, _found(view, cost, options, decision.hosts[0]))


def _wrapped(line: str) -> list[str]:
    """A line of prose as the record's own lines; one of a table, or an empty one, as it is."""
    if not line or line.startswith("|"):
        return [line]
    return wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)


@cache
def views() -> list[View]:
    """The runs of the newest code in evidence/runs by machine, that with most of them first."""
    return views_of(read(sorted(RUNS.glob(ANY_RUN))), load_rules())


def measured() -> View:
    """The machine of the record."""
    return views()[0]


def sources(decision: Decision, *of: View) -> Sources:
    """The figures of the decision, by these runs; by all of the newest code unless given."""
    newest = [view for view in views() if _code(view) == _code(measured())]
    return Sources(decision.hosts, measured=[view.measured for view in of or newest])


def elsewhere() -> list[View]:
    """The other machines, which may have measured other code."""
    return machines.others(views())


def _code(view: View) -> str:
    return digest_of(view.measured.runs[0])


def _about(view: View) -> list[str]:
    runs = view.measured.runs
    days = " and ".join(dict.fromkeys(run.started[:10] for run in runs))
    return [
        f"Measured by {len(runs)} run{'s' * (len(runs) > 1)} of {days}, code"
        f" {_code(view)[:12]}, on {machine_name(runs[-1])}. In brackets: 95 % intervals,"
        " with a term for how runs differ."
        f"{BEYOND}: beyond the budget.{OPEN}: not decided. An end that is shown as the budget"
        " itself lies where the mark says. Only the claims are corrected for their"
        f" number. {NONE}: there is no such plugin, or it was not measured.",
        "",
    ]


def _costs(view: View, decision: Decision, first: str) -> Iterator[str]:
    """A table for each cost of the report: what each transport costs under the record's host.

    first: the option that is first by the record's weights.
    """
    options = [option for option in decision.options if _arms(view, option)]
    host, *_ = decision.hosts
    for cost in view.settings.costs:
        if not (found := _found(view, cost, options, host)):
            continue
        unit = view.unit(cost.measure)
        allowance = view.budget[cost.allowance]
        fewest = min((one.found.counts for one in found.values()), key=lambda each: each.blocks)
        yield (
            f"**{_capital(cost.measure.title)}**, {unit_of_differences(unit)}; a"
            f" {allowance.title} may pay {allowance.ms if unit == 's' else allowance.mib:g}."
            f" Behind each: at least {behind(fewest)}"
            f"{_calls(fewest, view.placement(cost.measure.suite))}."
        )
        yield ""
        yield from _table(view, cost, options, found)
        yield from _paired(view, cost, options, host, first)
        if cost is view.settings.costs[0]:
            yield from _budgets(options, found)
            yield from _peers(view, cost, options, host)
            yield from _elsewhere(cost, options, host, first)
    over = view.baseline(host) if host in view.baselines else "nothing, so its figures are whole"
    carried: dict[str, list[str]] = {}
    for option in options:
        carried.setdefault(option.codec, []).append(option.name)
    codecs = "; ".join(f"{codec} over {listed(names)}" for codec, names in carried.items())
    yield (
        f"All under {view.named('hosts', host)}, as cronix would be, and over {over}. A row with"
        " the word *baseline* has whole figures, host included: what its plugin takes is missing"
        f" in the other rows{_missing(view, host)}. Codecs: {codecs}. A host in Python stands"
        " in the report of the lab."
    )
    yield ""


def _missing(view: View, host: str) -> str:
    """The memory of the plugin of the host's baseline, which its own row does not show apart."""
    base, memory = view.baselines.get(host), view.settings.costs[-1].measure
    for arm in view.candidates:
        same = base and (arm.plugin, arm.transport) == (base.plugin, base.transport)
        if same and arm != base and (found := view.cost(memory, arm)):
            value = difference(found.difference.interval(), view.unit(memory)).partition(" ")[0]
            return f" ({value} MiB under {view.named('hosts', arm.host)})"
    return ""


def _calls(found: Counts, placement: str) -> str:
    low, high = found.calls
    told = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f" and {told} calls in each, {PLACED[placement]}" if high > 1 else ""


def _paired(
    view: View, cost: Cost, options: Sequence[Option], host: str, first: str
) -> Iterator[str]:
    """What the others take over the first of the ranking: what the record's `over` rests on."""
    decided = next(option for option in options if option.id == first)
    others = [option for option in options if option != decided]
    under = {arm.plugin: arm for arm in _arms(view, decided) if arm.host == host}
    found = {
        (view.named(PLUGINS, arm.plugin), option.id): _Cost(one, "")
        for option in others
        for arm in _arms(view, option)
        if arm.host == host and arm.plugin in under
        if (one := view.compare(cost.measure, arm.id, under[arm.plugin].id))
    }
    yield f"The same over {decided.name}, paired in each block:"
    yield ""
    yield from _table(view, cost, others, found, judged=False)


def _budgets(options: Sequence[Option], found: Found) -> Iterator[str]:
    """What would be beyond other budgets of a start."""
    rows = []
    for budget in BUDGETS_MS:
        row = [f"{budget} ms"]
        for option in options:
            beyond: list[str] = []
            undecided: list[str] = []
            for (plugin, of), one in found.items():
                ends = one.found.difference.interval()
                if of == option.id and ends.high > budget / 1000:
                    (beyond if ends.low > budget / 1000 else undecided).append(plugin)
            told = [*beyond, *(f"{name}{OPEN}" for name in undecided)]
            row.append("; ".join(told) or "all within")
        rows.append(row)
    yield "**If the budget were another**: the plugins that would be beyond it."
    yield ""
    yield from table(["budget", *(option.name for option in options)], rows)


def _peers(view: View, cost: Cost, options: Sequence[Option], host: str) -> Iterator[str]:
    """What plugins cost that others would write, and the least that answer."""
    yield (
        "**Beside them**: plugins that others would write, and *the least*, which answers one Read"
        " and does nothing else."
    )
    yield ""
    found = _found(view, cost, options, host, PEERS)
    yield from _table(view, cost, options, found)


def _elsewhere(cost: Cost, options: Sequence[Option], host: str, first: str) -> Iterator[str]:
    """The same on other machines."""
    rules = load_rules()
    judged = [judge(rules.claims, view.measured, rules.budget) for view in views()]
    yield from machines.elsewhere(views(), judged)
    for view in elsewhere():
        unit = unit_of_differences(view.unit(cost.measure))
        yield f"{_capital(cost.measure.title)} there, {unit}:"
        yield ""
        found = _found(view, cost, options, host)
        yield from _table(view, cost, options, found | _found(view, cost, options, host, PEERS))
        yield from _paired(view, cost, options, host, first)
        yield from _budgets(options, found)


def _arms(view: View, option: Option, kind: str = PLUGINS) -> list[Arm]:
    """The arms that stand for an option: those with its transport's usual codec."""
    carried = (option.transport, option.codec)
    arms = view.peers if kind == PEERS else view.candidates
    return [arm for arm in arms if (arm.transport, arm.codec) == carried]


def _found(
    view: View, cost: Cost, options: Sequence[Option], host: str, kind: str = PLUGINS
) -> Found:
    """What was found under the host."""
    return {
        (view.named(kind, arm.plugin), option.id): _Cost(
            found, " (baseline)" if view.is_baseline(arm) else ""
        )
        for option in options
        for arm in _arms(view, option, kind)
        if arm.host == host and (found := view.cost(cost.measure, arm))
    }


def _table(
    view: View, cost: Cost, options: Sequence[Option], found: Found, *, judged: bool = True
) -> list[str]:
    """A row for each plugin. judged: with a mark for what is beyond the budget, or undecided."""
    titles = [*view.titles_of(PLUGINS).values(), *view.titles_of(PEERS).values()]
    rows = [
        [plugin, *(_cell(view, cost, one, judged) for one in cells)]
        for plugin in dict.fromkeys([*titles, *(plugin for plugin, _ in found)])
        if any(cells := [found.get((plugin, option.id)) for option in options])
    ]
    return table(["plugin", *(option.name for option in options)], rows)


def _cell(view: View, cost: Cost, one: _Cost | None, judged: bool) -> str:
    if one is None:
        return NONE
    unit, ends = view.unit(cost.measure), one.found.difference.interval()
    limit = view.budget[cost.allowance].limit(unit)
    mark = BEYOND if ends.low > limit else OPEN if ends.high > limit else ""
    return difference(ends, unit) + one.of + (mark if judged else "")


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def _counted(view: View, decision: Decision) -> Iterator[str]:
    """What each option asks of authors, hosts and the protocol, as it was counted."""
    options = [option for option in decision.options if option.clauses]
    plugins = [
        Language(plugin, view.named("plugins", plugin), (plugin,))
        for language in decision.languages
        for plugin in language.plugins
    ]
    decision = replace(decision, languages=tuple(plugins))
    found = cells(decision, sources(decision))
    rows = []
    for criterion in decision.criteria:
        if criterion.unit not in COUNTED:
            continue
        for plugin in plugins[: None if criterion.by_language else 1]:
            figures = [found[option.id][criterion.id][plugin.id].figure for option in options]
            name = f"{criterion.name}: {plugin.name}" if criterion.by_language else criterion.name
            if any(figures):
                rows.append([name, *(f"{one.value:,.0f}" if one else NONE for one in figures)])
    yield (
        "**Counted**: lines for the transport alone, with comments and empty ones; clauses of"
        " PROTOCOL.md that the transport needs and not every other."
    )
    yield ""
    yield from table(["", *(option.name for option in options)], rows)


def _rankings(view: View, decision: Decision, found: Cells) -> Iterator[str]:
    """The order of the options in each scenario, and how firm the record's is."""
    names = {option.id: option.name for option in decision.options}
    rankings = [ranking(decision, found, scenario) for scenario in decision.scenarios]
    most = max(len(one.totals) for one in rankings)
    rows = [
        [
            f"{scenario.name} ({scenario.id})",
            *(f"{names[total.option]} {total.middle:.2f}" for total in one.totals),
            *([NONE] * (most - len(one.totals))),
        ]
        for scenario, one in zip(decision.scenarios, rankings, strict=True)
    ]
    yield (
        "**Ranking** by `transportlab decide`: points of 10, by the weights of each case. Weights"
        " and scales are the author's, with reasons. *Start* is a second start, to its first"
        " Read. What was not measured under cronix-host is of the host in Python."
    )
    yield ""
    places = ("first", "second", "third", "fourth", "fifth", "sixth")
    yield from table(["case", *places[:most]], rows)
    first, *others = rankings[0].totals
    for other in others[:2]:
        yield _lead(decision, first, other, names)
    yield _with_one(view, decision, names)
    for there in elsewhere():
        known = cells(decision, sources(decision, there))
        ranked = ranking(decision, known, decision.scenarios[0])
        where = machine_name(there.measured.runs[-1])
        yield (
            "By the record's weights and the figures of the runs on"
            f" {where}: {_order(ranked, names)}."
        )
    won = ", ".join(f"{names[t.option]} {t.wins['any']:.0%}" for t in (first, *others))
    yield f"With any weights, each set as likely as another, these come first: {won}."
    for move in rankings[0].moves:
        yield _moved(decision, move, names)
    yield ""


def _lead(decision: Decision, first: Total, other: Total, names: dict[str, str]) -> str:
    """Which criteria the lead of an option over another rests on, by the record's weights."""
    weights = decision.weights(decision.scenarios[0])
    whole = sum(weights.values())
    parts = {
        criterion.name: weights[criterion.id] / whole * (first.scores[id_] - other.scores[id_])
        for criterion in decision.criteria
        if (id_ := criterion.id) in weights
    }
    ordered = sorted(parts.items(), key=lambda part: -abs(part[1]))[:LEADING]
    told = listed([f"{value:+.2f} *{name}*" for name, value in ordered])
    lead = first.middle - other.middle
    return (
        f"{names[first.option]} leads {names[other.option]} by {lead:.2f}; the most of it: {told}."
    )


def _with_one(view: View, decision: Decision, names: dict[str, str]) -> str:
    """The order of the record's case if only one plugin counts in a language that has several."""
    languages = tuple(
        replace(language, plugins=language.plugins[-1:]) for language in decision.languages
    )
    fewer = replace(decision, languages=languages)
    ranked = ranking(fewer, cells(fewer, sources(fewer)), fewer.scenarios[0])
    left = [
        new.plugins[0] for new, old in zip(languages, decision.languages, strict=True) if new != old
    ]
    return (
        "Of a language's plugins the best one counts in each criterion. If it is"
        f" {listed([view.named('plugins', one) for one in left])} alone: {_order(ranked, names)}."
    )


def _order(ranked: Ranking, names: dict[str, str]) -> str:
    """The options and their points, the first one first."""
    return ", ".join(f"{names[total.option]} {total.middle:.2f}" for total in ranked.totals)


def _moved(decision: Decision, move: Move, names: dict[str, str]) -> str:
    """What it takes for another option to draw level, by the record's weights."""
    if move.share is None:
        return (
            f"No weights make {names[move.rival]} first: averaged over the languages it leads in"
            " nothing."
        )
    criteria = {criterion.id: criterion.name for criterion in decision.criteria}
    away = listed([f"*{criteria[name]}*" for name in move.away])
    return (
        f"{names[move.rival]} draws level if {move.share:.1%} of all weight moves from {away} to"
        f" *{criteria[move.to]}*."
    )


def ranking(decision: Decision, found: Cells, scenario: Scenario) -> Ranking:
    """The ranking of a scenario by its weights. Only the record's says how firm it is."""
    weights = decision.weights(scenario)
    if scenario == decision.scenarios[0]:
        return rank(decision, found, scenario, weights)
    return rank(decision, found, scenario, weights, draws=1)
