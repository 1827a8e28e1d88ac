"""FIGURES.md of the proposal: what the record's citations stand for, with their numbers."""

from collections.abc import Iterator

import msgspec

from bench.languages.table import Languages, Row, spread
from tools.generate.decision import scored
from tools.generate.record import measured, ranking
from transportlab.data import EVIDENCE
from transportlab.decision.criteria import Decision, FromParts
from transportlab.decision.scoring import Cells
from transportlab.evidence.analysis.claims import judge, load_claims
from transportlab.evidence.report import summary
from transportlab.evidence.report.config import View
from transportlab.evidence.report.formatting import NONE, digits, probability, table

HEAD = """\
# The figures behind Q-002 and D-038

Made by transportlab, which ran one set of backend RPCs over all transports and measured them. The
tables of costs are in D-038 itself; here is what else its citations stand for.

| citation | stands for |
|---|---|
| `[P-...]` | a clause of PROTOCOL.md |
| `[V: ...]` | a vector of plugin/conformance |
| `[F: what, host/plugin: ...]` | the tables of costs in D-038 |
| `[C-...]` | a claim, below; its verdict stands in the brackets unless it holds |
| `[L: what, plugin: ...]` | the table of languages, below |
| `[D: ...]` | a case of the ranking in D-038, or a criterion, below |
| `[open]` | nothing holds this yet |

*within*, *beyond*: the whole interval is, by the budget; *undecided*: neither. *over*: the interval
of the difference lies above zero; *like*: across it. In the table of languages it is the quartiles.

*sdk* is Python with transportlab's package, *stdlib* Python with nothing but its standard library.

"""

HOST = "python"
"""The host of the peers."""


def figures() -> str:
    """The page."""
    decision, cells = scored()
    lines = [
        *_claims(measured()),
        *_languages(),
        *_criteria(decision, cells),
        *_changes(decision),
    ]
    return HEAD + "\n".join(lines).rstrip("\n") + "\n"


def _claims(view: View) -> Iterator[str]:
    yield from ("## Claims", "")
    yield "Each was written with its bound before the runs that judge it. Verdicts are at 5 % over"
    yield "all claims together, by Holm's method. In brackets: 95 % intervals."
    yield ""
    rows = [
        (
            f"{one.claim.id}: {one.claim.sentence}",
            f"{one.claim.comparison} {summary.bound(one)}",
            summary.found(one),
            NONE if one.found is None else probability(one.p),
            str(one.verdict),
        )
        for one in judge(load_claims(), view.measured, view.budget)
    ]
    yield from table(("claim", "bound", "found", "p", "verdict"), rows)


def _languages() -> Iterator[str]:
    path = EVIDENCE / "languages.json"
    found = msgspec.json.decode(path.read_bytes(), type=Languages)
    yield from ("## Languages", "")
    yield f"From a plugin's spawn to its first Read, of {found.measured}: medians with quartiles"
    yield f"over {found.blocks} blocks of one run; of peers, as D-038 has the others. Lines are a"
    yield "plugin's for its transport alone."
    yield ""
    head = ["plugin", "transport", f"host {found.hosts[HOST]}"]
    yield from table(
        [*head, "lines"],
        [
            [
                f"{row.id.partition('/')[0]}: {row.plugin}",
                row.transport,
                _first_read(row),
                NONE if row.lines["transport"] is None else f"{row.lines['transport']:,}",
            ]
            for row in found.rows
        ],
    )


def _first_read(row: Row) -> str:
    """The time to a peer's first Read."""
    lives = row.hosts[HOST].lives if HOST in row.hosts else ()
    if not lives or row.id.partition("/")[0] in measured().plugins:
        return NONE
    return spread([life.ready for life in lives], 1e3, "ms")


def _criteria(decision: Decision, cells: Cells) -> Iterator[str]:
    yield from ("## Criteria", "")
    yield "Points of 10 by each criterion, over the languages of the record's case. The more the"
    yield "better, also where the figure is one of cost. What is not measured has the middle."
    yield ""
    widest = max(decision.scenarios, key=lambda one: "in-tree" in one.options)
    totals = ranking(decision, cells, widest).totals
    names = {option.id: option.name for option in decision.options}
    rows = [
        [
            f"{criterion.id}: {criterion.definition}",
            f"{criterion.weight:g}",
            *(digits(total.scores[criterion.id], 2) for total in totals),
        ]
        for criterion in decision.criteria
    ]
    yield from table(["criterion", "weight", *(names[t.option] for t in totals)], rows)


def _changes(decision: Decision) -> Iterator[str]:
    """The changes of messages behind the criterion of their evolution."""
    criterion = next(one for one in decision.criteria if one.id == "evolution")
    parts = [figure for figure in criterion.figures if isinstance(figure, FromParts)]
    yield from ("## Changes of a message", "")
    yield criterion.definition
    yield ""
    rows = [
        [change, *("yes" if figure.parts[change] else "no" for figure in parts)]
        for change in parts[0].parts
    ]
    yield from table(["change", *(figure.note for figure in parts)], rows)
