"""`transportlab decide`: what the criteria say, by which weights, and how firmly."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from transportlab.cli.errors import check_writable, guarded
from transportlab.cli.options import JSON
from transportlab.cli.out import Out, open_out
from transportlab.cli.parser import command, option
from transportlab.codecs import load_codec
from transportlab.decision.criteria import Decision, Scenario, load_decision, load_weights
from transportlab.decision.ranking import Ranking, rank
from transportlab.decision.scoring import Cells, cells
from transportlab.decision.sources import Sources
from transportlab.errors import UsageError

WIDTH = 200
"""Columns of the tables in a file or a pipe."""

SHOWN = 6
"""How many criteria are named as deciding."""

QUESTIONS = {"as weighed": "AS WEIGHED", "nearby": "NEARBY", "any": "ANY WEIGHTS"}
"""The heads of the shares of draws; ranking.py says what they are."""


@command(
    option(
        "--weights",
        type=Path,
        metavar="FILE",
        help='Weights of your own: {"start": 12, ...}. What is not named keeps its weight.',
    ),
    option("--scenario", metavar="NAME", help="This case; the record's unless given."),
    option("--html", type=Path, metavar="FILE", help="Write the page with all figures to FILE."),
    JSON,
)
def decide(*, weights: Path | None, scenario: str | None, html: Path | None, as_json: bool) -> None:
    """Rank the transports by the criteria of spec/decision.json.

    What was measured is read from the evidence. What is not measured scores anything from 0 to 10.
    """
    with guarded():
        if html and (weights or scenario):
            raise UsageError("--html goes without --weights and --scenario: the page has them all")
        check_writable(html)
        decision = load_decision()
        case = decision.scenario(scenario or decision.scenarios[0].id)
        own = load_weights(weights, decision) if weights else {}
        found = cells(decision, Sources(decision.hosts))
        if html:
            from transportlab.decision.page import page

            html.write_text(page(decision, found))
            print(f"page: {html}")
            return
        ranking = rank(decision, found, case, decision.weights(case) | own)
        others = {
            other.id: rank(decision, found, other, decision.weights(other) | own, draws=1)
            for other in decision.scenarios
        }
        if as_json:
            orders = {name: [t.option for t in one.totals] for name, one in others.items()}
            shown = {"question": decision.question, "ranking": ranking, "orders": orders}
            shown["cells"] = found
            print(load_codec("json").encode(msgspec.to_builtins(shown)).decode())
            return
        out = open_out(width=WIDTH)
        _totals(out, decision, case, ranking)
        _scores(out, decision, found, ranking)
        _firmness(out, decision, ranking)
        _scenarios(out, others)


def _totals(out: Out, decision: Decision, case: Scenario, ranking: Ranking) -> None:
    """The ranking: totals, and how many draws each option wins."""
    out.print(f"{decision.question} {case.name}: {case.why}")
    out.print("")
    out.table(
        ("OPTION", "TOTAL", "BETWEEN", *QUESTIONS.values()),
        [
            (
                decision.option(total.option).name,
                f"{total.middle:.2f}",
                f"{total.low:.2f} {total.high:.2f}",
                *(f"{total.wins[question]:.0%}" for question in QUESTIONS),
            )
            for total in ranking.totals
        ],
    )
    out.print("")


def _scores(out: Out, decision: Decision, found: Cells, ranking: Ranking) -> None:
    """The scores by criterion, the heaviest first."""
    shares = decision.scenario(ranking.scenario).languages
    order = sorted(decision.criteria, key=lambda criterion: -ranking.weights[criterion.id])
    out.table(
        ("CRITERION", "WEIGHT", *(total.option.upper() for total in ranking.totals), "KNOWN"),
        [
            (
                criterion.id,
                f"{ranking.weights[criterion.id]:g}",
                *(f"{total.scores[criterion.id]:.1f}" for total in ranking.totals),
                _measured(found, criterion.id, ranking, shares),
            )
            for criterion in order
        ],
    )
    out.print("")


def _measured(found: Cells, criterion: str, ranking: Ranking, shares: Mapping[str, float]) -> str:
    """How many of the cells that count have a figure, or cannot be."""
    there = [
        cell.figure is not None or not cell.high
        for total in ranking.totals
        for language, cell in found[total.option].get(criterion, {}).items()
        if shares.get(language)
    ]
    return f"{sum(there)} of {len(there)}"


def _firmness(out: Out, decision: Decision, ranking: Ranking) -> None:
    """What decides, and what would change the winner."""
    first, second = ranking.totals[:2]
    winner = decision.option(first.option).name
    out.print(f"What decides for {winner} against {decision.option(second.option).name}", "bold")
    leads = sorted(ranking.deciding.items(), key=lambda pair: -abs(pair[1]))
    for name, lead in leads[:SHOWN]:
        out.print(f"  {lead:+.2f}  {name}")
    out.print("What would change the winner", "bold")
    for move in ranking.moves:
        rival = decision.option(move.rival).name
        if move.share is None:
            out.print(f"  {rival} wins by no weights")
        else:
            away = ", ".join(move.away)
            moved = f"{move.share:.1%} of the weight moves from {away} to {move.to}"
            out.print(f"  {rival} wins if {moved}")
    for factor in ranking.factors[:SHOWN]:
        rival = decision.option(factor.rival).name
        out.print(
            f"  {rival} wins if {factor.criterion} alone weighs {factor.factor:.2f} times as much"
        )
    out.print("")


def _scenarios(out: Out, rankings: Mapping[str, Ranking]) -> None:
    """Who wins each scenario, by how much, and how little weight would change that."""
    rows = []
    for name, ranking in rankings.items():
        first, second = ranking.totals[:2]
        shares = [(move.share, move.rival) for move in ranking.moves if move.share is not None]
        share, rival = min(shares, default=(None, ""))
        changes = "no weights" if share is None else f"{share:.1%}: {rival}"
        order = " > ".join(total.option for total in ranking.totals)
        rows.append((name, f"{first.middle - second.middle:.2f}", changes, order))
    out.table(("SCENARIO", "LEAD", "CHANGES AT", "ORDER"), rows)
