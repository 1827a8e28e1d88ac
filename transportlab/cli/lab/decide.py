"""`transportlab decide`: what the criteria say, by which weights, and how firmly."""

from pathlib import Path

import msgspec

from transportlab.cli.errors import check_writable, guarded
from transportlab.cli.options import JSON
from transportlab.cli.out import open_out
from transportlab.cli.parser import command, option
from transportlab.codecs import load_codec
from transportlab.data import write_file
from transportlab.errors import UsageError

# The modules of transportlab.decision are imported where they are used: numpy takes a while, and
# may be missing.

WIDTH = 200
"""Columns of the tables in a file or a pipe."""


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
        from transportlab.cli.lab.render_decision import show
        from transportlab.decision.criteria import load_decision, load_weights
        from transportlab.decision.ranking import rank
        from transportlab.decision.scoring import cells
        from transportlab.decision.sources import Sources

        decision = load_decision()
        case = decision.scenario(scenario or decision.scenarios[0].id)
        own = load_weights(weights, decision) if weights else {}
        found = cells(decision, Sources(decision.hosts))
        if html:
            from transportlab.decision.page import page

            write_file(html, page(decision, found))
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
        show(open_out(width=WIDTH), decision, found, ranking, others)
