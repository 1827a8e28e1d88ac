"""How the report writes amounts, ratios, intervals and tables."""

import math
from collections.abc import Iterable, Sequence

from transportlab.evidence.analysis.compare import Comparison
from transportlab.evidence.analysis.stats import Interval

NONE = "–"  # noqa: RUF001  # an en dash: an empty cell of a table

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def amount(value: float | None, unit: str) -> str:
    """A quantity with three significant digits, a fitting prefix and its unit: "1.50 KiB".

    unit: "s", "B" or "1/s". None gives the dash of an empty cell.
    """
    if value is None:
        return NONE
    if unit == "1/s":
        return f"{digits(value)} /s"
    scales = _SECONDS if unit == "s" else _BYTES
    for scale, name in scales:
        if value >= scale * 0.9995:
            return f"{digits(value / scale)} {name}"
    return f"{digits(value / scales[-1][0])} {scales[-1][1]}"


def digits(value: float) -> str:
    """A number with three significant digits, never as a power of ten."""
    if value <= 0 or not math.isfinite(value):
        return f"{value:g}"
    value = float(f"{value:.3g}")  # rounded before its places are counted: 0.9999 is 1.00
    places = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:,.{places}f}"


def interval(found: Interval) -> str:
    """A ratio and its interval: "0.442 [0.402, 0.486]"."""
    if not found.known:
        return (
            f"{digits(found.ratio)} [no interval: {found.blocks} block{'s' * (found.blocks > 1)}]"
        )
    return f"{digits(found.ratio)} [{digits(found.low)}, {digits(found.high)}]"


def ratio(found: Comparison | None) -> str:
    """The cell of a comparison, with a note if the ratio lies within the noise."""
    if found is None:
        return NONE
    return interval(found.interval) + (" (noise)" if found.within_noise else "")


def noise(factor: float | None) -> str:
    """The cell of a factor: "1.07x"."""
    return NONE if factor is None else f"{digits(factor)}x"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table. The first column is aligned as text, the others as numbers."""
    marks = ["---", *(["---:"] * (len(head) - 1))]
    body = [_row(row) for row in rows]
    return [_row(head), _row(marks), *body, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def listed(words: Sequence[str]) -> str:
    """Words as a list, at least one: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
