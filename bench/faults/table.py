"""Makes the table of evidence/faults.md: a pure function of a campaign's file.

Seconds are the median and the maximum of a cell's runs. If the runs of a cell differ, each outcome
is shown with its count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.faults.catalogue import (
    BOUNDS,
    CALL,
    FAULTS,
    MARGIN,
    SHORT,
    STOP_BOUND,
    Fault,
    Point,
    control_limit,
    fault_named,
)
from bench.faults.state import OPS

BEGIN = "<!-- begin: python -m bench.faults -->"
END = "<!-- end: python -m bench.faults -->"

HEAD = "| fault | plugin reached by | control | stop | left behind | crontab | error |"
RULE = "|---|---|---|---|---|---|---|"
NONE = "-"
LOST = "HOST "
"""How the code of a run begins from which the host did not come back."""

PROBLEM = 90
"""How many characters of an error's problem are shown."""

Run = dict[str, Any]
Cell = dict[str, Any]


def page(text: str, document: dict[str, Any]) -> str:
    """Return the page with the part between its marks made anew. Raises ValueError."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no marks {BEGIN} and {END}")
    return before + "\n".join([BEGIN, "", *lines(document), "", END]) + after


def write_page(path: Path, document: dict[str, Any]) -> None:
    """Make the part of a page between the marks anew, in its file."""
    path.write_text(page(path.read_text(), document))


def lines(document: dict[str, Any]) -> list[str]:
    """Return the summary and the table."""
    cells = {(cell["fault"], cell["column"]): cell for cell in document["cells"]}
    columns = list(dict.fromkeys(cell["column"] for cell in document["cells"]))
    rows = [
        row(fault, cells[fault.name, column])
        for fault in FAULTS
        for column in columns
        if (fault.name, column) in cells
    ]
    return [*summary(document), "", HEAD, RULE, *rows]


def summary(document: dict[str, Any]) -> list[str]:
    """Return what holds of all runs, with counts."""
    runs = [(cell, run) for cell in document["cells"] for run in cell["runs"]]
    whole = [run for _, run in runs if not run["state"].startswith("BROKEN")]
    again = [run["converged"] for _, run in runs if run["converged"] is not None]
    told = [report_is_true(run) for _, run in runs if run["reached"]]
    return [
        f"{len(runs)} runs of {len({id(cell) for cell, _ in runs})} cells, of commit"
        f" {document['commit'][:12]}{' and changes' if document['dirty'] else ''}. Memory is"
        f" bounded by {document['memory']}.",
        "",
        *control(runs),
        lost(runs, set(document["in_host"])),
        left_behind([(c, run) for c, run in runs if c["column"] not in document["in_host"]]),
        f"- Crontab: each entry in its old form or its new one, and every other line as before,"
        f" in {len(whole)} of {len(runs)} runs.",
        f"- Report of an interrupted Apply: right about the file in {sum(told)} of {len(told)}"
        f" runs.",
        f"- Planned again with a fresh plugin: the desired state was reached after {sum(again)} of"
        f" {len(again)} runs.",
    ]


def control(runs: Sequence[tuple[Cell, Run]]) -> list[str]:
    """Say how many runs were within their bounds."""
    alive = [(cell, run) for cell, run in runs if not is_lost(run)]
    good = [run for cell, run in alive if not is_late(cell, run)]
    start = max(control_limit(f, SHORT) for f in FAULTS if f.point in (Point.START, Point.OPEN))
    default = [run["control"] + run["stop"] for _, run in alive if run["bounds"] == "default"]
    found = [
        f"- Control: within the bound in {len(good)} of the {len(alive)} runs that the host"
        f" outlived. The bound of a call is its deadline of {CALL:g} s and {MARGIN:g} s more; of a"
        f" stop, {SHORT.limit:g} s if its steps have {SHORT.close:g} s and {SHORT.stop:g} s; of a"
        f" start that fails, {start:g} s with the stop."
    ]
    if default:
        found.append(
            f"- With the default bounds, 1 s and 4 s, the longest stop took {max(default):.2f} s of"
            f" {STOP_BOUND:g} s."
        )
    return found


def lost(runs: Sequence[tuple[Cell, Run]], within: set[str]) -> str:
    """Say how many runs the host did not outlive. `within`: columns where that is expected."""
    found = [cell["column"] for cell, run in runs if is_lost(run)]
    elsewhere = len([column for column in found if column not in within])
    return (
        f"- Host lost: {len(found) - elsewhere} runs where the plugin is in the host's own process,"
        f" {elsewhere} others."
    )


def left_behind(runs: Sequence[tuple[Cell, Run]]) -> str:
    """Say how many runs left nothing behind but what their fault is there to leave."""
    good = [run for cell, run in runs if not is_left(cell, run)]
    return (
        f"- Left behind if the plugin is a process: nothing, or the one child or file that its"
        f" fault is there to leave, in {len(good)} of {len(runs)} runs."
    )


def is_lost(run: Run) -> bool:
    """Return whether the host did not come back from the run."""
    return str(run["code"]).startswith(LOST)


def is_late(cell: Cell, run: Run) -> bool:
    """Return whether control or stop took longer than its bound."""
    fault = fault_named(cell["fault"])
    bounds = BOUNDS[run["bounds"]]
    return bool(run["control"] > control_limit(fault, bounds) or run["stop"] > bounds.limit)


def is_left(cell: Cell, run: Run) -> bool:
    """Return whether something else was left behind than the fault is there to leave."""
    leaves = fault_named(cell["fault"]).leaves
    return bool(run["left"] != ({leaves: 1} if leaves else {}))


def report_is_true(run: Run) -> bool:
    """Return whether the report names each op once, and is right about applied and unattempted."""
    done, said = set(run["done"]), run["reached"]
    applied, open_ = set(said["applied"]), {*said["unattempted"], *said["failed"]}
    told = sorted(job for jobs in said.values() for job in jobs)
    return told == sorted(OPS) and applied <= done and not open_ & done


def row(fault: Fault, cell: Cell) -> str:
    """Return a cell of the campaign as a row of the table."""
    where = f"{fault.point}: {fault.title}"
    if cell["not_run"]:
        return f"| {where} | {cell['column']} | {cell['not_run']} | | | | |"
    runs = [run for run in cell["runs"] if run["bounds"] == "short"]
    cells = [
        where,
        cell["column"],
        seconds(run["control"] for run in runs if not is_lost(run)),
        seconds(run["stop"] for run in runs if not is_lost(run) and has_stop(fault, run)),
        counted(runs, left),
        counted(runs, lambda run: str(run["state"])),
        counted(runs, error),
    ]
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in cells)} |"


def has_stop(fault: Fault, run: Run) -> bool:
    """Return whether there was a session to stop, not only a start that failed."""
    return fault.point not in (Point.START, Point.OPEN) or not run["code"]


def seconds(values: Iterable[float]) -> str:
    """Return the median and the maximum."""
    found = sorted(values)
    return f"{median(found):.2f} / {found[-1]:.2f} s" if found else NONE


def left(run: Run) -> str:
    """Return what was left behind."""
    parts = [
        ", ".join(run["files"]) if kind == "files" else f"{kind} ({number})"
        for kind, number in run["left"].items()
    ]
    return ", ".join(parts) or "nothing"


def error(run: Run) -> str:
    """Return the error: its code, its problem, the end of the process, how far an Apply came."""
    if not run["code"]:
        return NONE
    text = run["problem"]
    problem = text if len(text) <= PROBLEM else text[: PROBLEM - 3] + "..."
    said = run["reached"] and ", ".join(
        f"{len(names)} {what}" for what, names in run["reached"].items() if names
    )
    shown = "; ".join(filter(None, (problem, run["exit"], said)))
    return f"`{run['code']}`" + (f" {shown}" if shown else "")


def counted(runs: Sequence[Run], show: Callable[[Run], str]) -> str:
    """Return what the runs show, each different outcome with its count."""
    found = Counter(map(show, runs)).most_common()
    if len(found) == 1:
        return found[0][0]
    return "<br>".join(f"{number}x {text}" for text, number in found)
