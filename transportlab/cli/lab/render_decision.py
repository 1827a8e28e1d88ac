"""What `transportlab decide` shows a person: ranking, scores, and what would change them."""

from collections.abc import Mapping

from transportlab.cli.out import Out
from transportlab.decision.criteria import Decision
from transportlab.decision.ranking import Ranking
from transportlab.decision.scoring import Cells
from transportlab.words import explained

SHOWN = 6
"""How many criteria are named as deciding."""

QUESTIONS = {"as weighed": "AS WEIGHED", "nearby": "NEARBY", "any": "ANY WEIGHTS"}
"""The heads of the shares of draws; ranking.py says what they are."""


def show(
    out: Out, decision: Decision, found: Cells, ranking: Ranking, others: Mapping[str, Ranking]
) -> None:
    """Print a ranking. others: that of each scenario."""
    case = decision.scenario(ranking.scenario)
    out.print(f"{decision.question} {case.name}: {case.why}")
    out.print("")
    _totals(out, decision, ranking)
    _scores(out, decision, found, ranking)
    _firmness(out, decision, ranking)
    _scenarios(out, others)


def _totals(out: Out, decision: Decision, ranking: Ranking) -> None:
    """The ranking: totals, and how many draws each option wins."""
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
        ("CRITERION", "WEIGHT", *(total.option.upper() for total in ranking.totals), "MEASURED"),
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
    out.print("")
    for line in explained(["BETWEEN", *QUESTIONS.values(), "MEASURED", "LEAD", "CHANGES AT"]):
        out.print(line, "dim")
