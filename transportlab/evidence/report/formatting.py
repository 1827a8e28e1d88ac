"""How the report writes amounts, ratios, intervals and tables."""

import math
from collections.abc import Iterable, Sequence

from transportlab.evidence.analysis.compare import Comparison, Counts
from transportlab.evidence.analysis.stats import Interval

NONE = "–"  # noqa: RUF001  # an en dash: an empty cell of a table

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_FIXED = {"s": (1e-3, "ms"), "B": (2.0**20, "MiB")}
"""The units of differences: those of the budget, so that one can be seen beside the other."""


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


def digits(value: float, count: int = 3) -> str:
    """A number with three significant digits, or so many, never as a power of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    value = float(f"{value:.{count}g}")  # rounded before its places are counted: 0.9999 is 1.00
    return f"{value:,.{_places(value, count)}f}"


def _places(value: float, count: int) -> int:
    return max(0, count - 1 - math.floor(math.log10(abs(value))))


def interval(found: Interval) -> str:
    """A ratio and its interval: "0.442 [0.402, 0.486]"."""
    if not found.known:
        many = f"{found.blocks} block{'s' * (found.blocks > 1)}"
        return f"{digits(found.value)} [no interval: {many}]"
    return f"{digits(found.value)} [{digits(found.low)}, {digits(found.high)}]"


def difference(found: Interval, unit: str) -> str:
    """A difference and its interval, in ms, MiB or calls a second: "34.1 [33, 35]".

    The ends have two digits, as more are not known; three if they would be equal otherwise. Of a
    value that is tiny beside them no more places are shown than a larger one would have.
    """
    scale, _ = _FIXED.get(unit, (1.0, unit))
    if not found.known:
        return interval(Interval(found.value / scale, found.low, found.high, found.blocks))
    low, high = (digits(end / scale, 2) for end in (found.low, found.high))
    if low == high:
        low, high = (digits(end / scale) for end in (found.low, found.high))
    widest = max(abs(found.low), abs(found.high)) / scale
    value = f"{found.value / scale:,.{_places(widest, 4)}f}" if widest else "0"
    return f"{min(digits(found.value / scale), value, key=len)} [{low}, {high}]"


def unit_of_differences(unit: str) -> str:
    """The unit in which difference() writes."""
    return _FIXED.get(unit, (1.0, unit))[1]


def ratio(found: Comparison | None) -> str:
    """The cell of a comparison: its ratio."""
    if found is None or found.ratio is None:
        return NONE
    return interval(found.ratio)


def span(values: Sequence[float]) -> str:
    """The least and the greatest of some numbers, at least one: "0.60 to 0.96"."""
    return " to ".join(dict.fromkeys(digits(end, 2) for end in (min(values), max(values))))


def factor(value: float) -> str:
    """A factor: "1.07x"."""
    return f"{digits(value)}x"


def probability(value: float) -> str:
    """A p value; what is below a thousandth decides no more than that."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004  # as the docstring says


def counts(found: Counts) -> str:
    """How much is behind a figure: "90 blocks of 3 runs, 180 processes of 30 to 1,000 calls"."""
    low, high = found.calls
    calls = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    processes = f"{found.processes} processes of {calls} call{'s' * (high > 1)}"
    return f"{found.blocks} blocks of {found.runs} run{'s' * (found.runs > 1)}, {processes}"


def behind(found: Counts) -> str:
    """The blocks behind a difference: "20 blocks from 4 runs, a process of each side in each"."""
    whole = f"{found.blocks} blocks" + f" from {found.runs} runs" * (found.runs > 1)
    return f"{whole}, a process of each side in each"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> list[str]:
    """The lines of a Markdown table. texts: how many columns are aligned as text, not numbers."""
    marks = [*(["---"] * texts), *(["---:"] * (len(head) - texts))]
    body = [_row(row) for row in rows]
    return [_row(head), _row(marks), *body, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def listed(words: Sequence[str]) -> str:
    """Words as a list, at least one: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
