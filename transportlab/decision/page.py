"""Makes docs/decision.html: one page with all figures, whose weights a reader can move.

The page computes the ranking itself, as ranking.py does. What takes many draws is computed here,
for the weights of each scenario.
"""

from importlib.resources import files
from typing import Any

import msgspec

from transportlab.decision.criteria import Decision
from transportlab.decision.ranking import rank
from transportlab.decision.scoring import Cell, Cells
from transportlab.evidence.report.page import HEAD, head

PLACE = "@DATA@"


def page(decision: Decision, cells: Cells) -> str:
    """The page. It needs nothing beside it."""
    template = files(__package__).joinpath("page.html").read_text()
    data = msgspec.json.encode(_data(decision, cells)).decode()
    return template.replace(HEAD, head()).replace(PLACE, data.replace("<", "\\u003c"))


def _data(decision: Decision, cells: Cells) -> Any:
    data = msgspec.to_builtins(decision)
    del data["hosts"], data["seed"], data["cannot"]
    for criterion in data["criteria"]:
        del criterion["figures"]
    data["cells"] = {
        option: {criterion: _row(row) for criterion, row in rows.items()}
        for option, rows in cells.items()
    }
    data["wins"] = {
        scenario.id: {
            total.option: total.wins
            for total in rank(decision, cells, scenario, decision.weights(scenario)).totals
        }
        for scenario in decision.scenarios
    }
    return data


def _row(row: dict[str, Cell]) -> dict[str, Any]:
    """The cells by language; one for "*" if all are equal."""
    shown = {language: _shown(cell) for language, cell in row.items()}
    first = next(iter(shown.values()))
    return {"*": first} if all(cell == first for cell in shown.values()) else shown


def _shown(cell: Cell) -> Any:
    """A cell whose numbers are as long as they are good for."""
    figure = cell.figure
    return {
        "low": round(cell.low, 6),
        "high": round(cell.high, 6),
        "figure": figure
        and {
            "value": _digits(figure.value),
            "low": _digits(figure.low),
            "high": _digits(figure.high),
            "source": figure.source,
        },
        "why": cell.why,
        "proofs": cell.proofs,
    }


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
