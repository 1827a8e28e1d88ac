"""Two sets of runs beside each other, as `transportlab compare` prints them."""

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from transportlab.data import ANY_RUN
from transportlab.errors import UsageError
from transportlab.evidence.analysis.between import Between, Row
from transportlab.evidence.analysis.runs import Runs, read
from transportlab.evidence.analysis.stats import MIN_RUNS, Interval, Told
from transportlab.evidence.report.formatting import amount, digits, interval, table
from transportlab.words import explained

HEAD = ("suite", "placement", "arm", "case", "metric", "A", "B", "B/A", "told")
DIFFERING = ("differs", "A", "B")

LONGEST = 40
"""Characters of a fact that a person is shown; JSON has all."""

SHOWN = 12
"""Names that a person is shown of what one side has alone; JSON has all."""


def read_side(name: str, path: Path) -> Runs:
    """The runs of a file, or of all evidence files of a folder. name: A or B.

    Raises UsageError if there are none, EvidenceError if a file is not evidence.
    """
    if not path.exists():
        raise UsageError(f"{name}: {path}: no such file or folder")
    files = sorted(path.glob(ANY_RUN)) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{name}: {path}: a folder without evidence files ({ANY_RUN})")
    return read(files)


def chosen(found: Between, *, changed: bool) -> list[Row]:
    """The rows that are shown. changed: only what is less or more."""
    return [row for row in found.rows if not changed or row.told in {Told.LESS, Told.MORE}]


def cells(row: Row) -> tuple[str, ...]:
    """A row under HEAD."""
    a, b = (amount(v, row.unit) if row.unit else digits(v) for v in (row.a, row.b))
    place = (row.suite, row.placement, row.arm, row.case, row.metric)
    return (*place, a, b, interval(row.ratio), row.told)


def differing(found: Between) -> list[tuple[str, str, str]]:
    """What differs, short enough for a person, under DIFFERING."""
    return [(one.name, _short(one.a), _short(one.b)) for one in found.differing]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def notes(found: Between, shown: int) -> list[str]:
    """How many figures are told what, what is left out, and what the words mean."""
    counts = ", ".join(f"{count} {told}" for told, count in found.counts.items())
    lines = [f"{len(found.rows)} figures: {counts}."]
    if shown < len(found.rows):
        lines.append(f"Shown are the {shown} that changed.")
    lines += [f"Only in {one.side}: {one.what}: {_some(one.names)}." for one in found.only]
    lines += [f"Left out: {what}." for what in found.left_out]
    return lines


def words(found: Between) -> list[str]:
    """What the table's words mean, and how far to trust it."""
    what = "each arm's ratio to " + found.over if found.over else "a figure"
    return [
        f"B/A: {what} in B over the same in A; of rates (/s) more is better",
        *explained([*found.counts, "[low, high]"]),
        "one interval in 20 misses by chance, and there are as many as figures",
        *_cautions(found),
    ]


def _cautions(found: Between) -> Iterator[str]:
    names = {one.name.partition(".")[0] for one in found.differing}
    if not found.over and names & {"cpu", "topology", "kernel", "hypervisor"}:
        yield "the machines differ, so ratios are of both machine and code; --over ARM helps"
    if min(row.ratio.runs for row in found.rows) < MIN_RUNS:
        yield f"a side has fewer than {MIN_RUNS} runs, so how far runs differ is assumed"


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return "; ".join(names[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def as_markdown(found: Between, rows: list[Row]) -> str:
    """A comment for a change, say."""
    lines = [
        *(f"- {name}: {text}." for name, text in zip("AB", found.sets, strict=True)),
        "",
        *table(HEAD, map(cells, rows), texts=5),
        *(f"- {note}" for note in notes(found, len(rows))),
        "",
        "<details><summary>What differs beside, and what the words mean</summary>",
        "",
        *table(DIFFERING, differing(found), texts=3),
        *(f"- {line}." for line in words(found)),
        "",
        "</details>",
        "",
    ]
    return "\n".join(lines)


def as_csv(rows: list[Row]) -> str:
    """One line a figure, with numbers as they are: seconds, bytes, calls a second."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(
        [*HEAD[:5], "unit", "a", "b", "ratio", "low", "high", "told", "blocks_a", "blocks_b"]
    )
    for row in rows:
        place = (row.suite, row.placement, row.arm, row.case, row.metric, row.unit)
        lines.writerow([*place, row.a, row.b, *_ends(row.ratio), row.told, *row.blocks])
    return out.getvalue()


def _ends(found: Interval) -> tuple[float | None, ...]:
    """An interval's value and ends; None where they are not known."""
    known = math.isfinite(found.high)
    return (found.value, *((found.low, found.high) if known else (None, None)))


def as_json(found: Between, rows: list[Row]) -> bytes:
    """Everything, as one object."""
    shown = [
        {
            **msgspec.to_builtins(row),
            "ratio": dict(zip(("value", "low", "high"), _ends(row.ratio), strict=True)),
            "blocks": {"a": row.blocks[0], "b": row.blocks[1]},
        }
        for row in rows
    ]
    whole = {
        "a": found.sets[0],
        "b": found.sets[1],
        "over": found.over or None,
        "left_out": found.left_out,
        "differing": found.differing,
        "only": found.only,
        "counts": found.counts,
        "figures": shown,
    }
    return msgspec.json.encode(whole)
