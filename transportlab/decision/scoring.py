"""Makes scores of figures: a cell for each criterion, option and language.

What is not measured scores anything from 0 to 10. An option that a language cannot have scores 0
where figures differ by language. Of an option with parts the cell is that of the worse part, or of
the sum. Where the author's choice counts there is none: ranking.py chooses, by the weights.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from transportlab.decision.criteria import BEST, Criterion, Decision, Language, Option
from transportlab.decision.sources import Found, Sources

NOT_MEASURED = "not measured"


class Cell(Struct, frozen=True):
    """The score of an option, between low and high, and the figure that it comes from.

    figure: None if it is not measured, or cannot be. why: what to know about it.
    """

    low: float
    high: float
    figure: Found | None = None
    why: str = ""
    proofs: tuple[str, ...] = ()

    @property
    def middle(self) -> float:
        """The middle of the score."""
        return (self.low + self.high) / 2


Cells = dict[str, dict[str, dict[str, Cell]]]
"""By option, criterion and language. An option with parts has none where its author chooses."""


def cells(decision: Decision, sources: Sources) -> Cells:
    """All cells. Raises DecisionError and EvidenceError."""
    found: Cells = {}
    for option in sorted(decision.options, key=lambda option: bool(option.parts)):
        found[option.id] = {
            criterion.id: row
            for criterion in decision.criteria
            if (row := _row(decision, criterion, option, sources, found))
        }
    return found


def _row(
    decision: Decision, criterion: Criterion, option: Option, sources: Sources, known: Cells
) -> dict[str, Cell]:
    """The cells of one criterion and option, by language."""
    if option.parts and criterion.several == "choice":
        return {}
    if option.parts:
        rows = [known[part][criterion.id] for part in option.parts]
        return {
            language.id: _joined(criterion, [row[language.id] for row in rows])
            for language in decision.languages
        }
    languages: Iterable[Language] = decision.languages
    if not criterion.by_language:
        return dict.fromkeys(
            [language.id for language in languages],
            _cell(criterion, option, decision.languages[0], sources),
        )
    return {
        language.id: _impossible(decision, option, language)
        or _cell(criterion, option, language, sources)
        for language in languages
    }


def _impossible(decision: Decision, option: Option, language: Language) -> Cell | None:
    for cannot in decision.cannot:
        if cannot.option == option.id and language.id in cannot.languages:
            return Cell(0, 0, None, cannot.why)
    return None


def _cell(criterion: Criterion, option: Option, language: Language, sources: Sources) -> Cell:
    """The cell by the first figure that is for it and has a value."""
    why = ""
    for figure in criterion.figures:
        if (figure.options and option.id not in figure.options) or (
            figure.languages and language.id not in figure.languages
        ):
            continue
        scored = [
            _scored(criterion, f, figure.note, figure.proofs)
            for f in sources.figures(figure, option, language)
        ]
        if scored:
            return max(scored, key=lambda cell: cell.middle)
        why = why or figure.note
    return Cell(0, BEST, None, why or NOT_MEASURED)


def _scored(
    criterion: Criterion, figure: Found, why: str = "", proofs: tuple[str, ...] = ()
) -> Cell:
    """The cell of a figure that is known."""
    low, high = sorted(map(criterion.scale.score, (figure.low, figure.high)))
    return Cell(low, high, figure, why, proofs)


def _joined(criterion: Criterion, parts: Sequence[Cell]) -> Cell:
    """The cell of several options that a host carries at once."""
    if criterion.several == "worst":
        return min(parts, key=lambda cell: cell.middle)
    figures = [cell.figure for cell in parts]
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return Cell(0, max(cell.high for cell in parts), None, f"one of them is {NOT_MEASURED}")
    low, value, high = (
        sum(getattr(figure, name) for figure in known) for name in ("low", "value", "high")
    )
    total = Found(value, low, high, " + ".join(figure.source for figure in known))
    return _scored(criterion, total)
