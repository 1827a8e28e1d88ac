"""The command `python -m bench.faults`: see the package."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.faults.campaign import Campaign
from bench.faults.catalogue import FAULTS, Fault, Point
from bench.faults.columns import Column, chosen, columns
from bench.faults.record import Cell, Record
from bench.faults.table import is_late, is_left, is_lost, page, report_is_true, write_page
from transportlab.evidence.run.progress import progress

RUNS_DEFAULT = 1
"""How many runs with the default bounds a fault at the stop gets besides those with short ones."""

Part = tuple[Fault, Column, str, list[int]]


def parts(record: Record, cells: Sequence[tuple[Fault, Column]], runs: int) -> list[Part]:
    """Return the runs that are not in the file yet, by cell and bounds."""
    found = []
    for fault, column in cells:
        wanted = {"short": runs}
        if fault.point is Point.STOP and not column.in_host:
            wanted["default"] = min(runs, RUNS_DEFAULT)
        cell = record.cell(fault, column)
        for bounds, count in wanted.items():
            there = {run["run"] for run in cell["runs"] if run["bounds"] == bounds}
            missing = [number for number in range(count) if number not in there]
            if missing:
                found.append((fault, column, bounds, missing))
    return found


def run(options: argparse.Namespace, record: Record, campaign: Campaign) -> int:
    """Make the missing runs. Returns how many had a problem."""
    bad = 0
    todo = parts(record, chosen(options.fault, options.transport), options.runs)
    with progress([fault.name for fault, _, _, _ in todo]) as tell:
        for fault, column, bounds, numbers in todo:
            tell(f"{fault.name} {column.title} {bounds if bounds != 'short' else ''}".strip())
            cell = record.cell(fault, column)
            cell["not_run"] = campaign.not_run(fault, column)
            if not cell["not_run"]:
                for result in campaign.run_cell(fault, column, numbers, bounds):
                    record.add(cell, result)
                    bad += report_problems(cell, column)
            record.write()
    return bad


def report_problems(cell: Cell, column: Column) -> bool:
    """Print the problems of a cell's last run to stderr. Returns whether it had any."""
    last = cell["runs"][-1]
    wrong = []
    if is_lost(last) and not column.in_host:
        wrong.append(last["code"])
    if not is_lost(last) and is_late(cell, last):
        wrong.append(f"late: control {last['control']:.2f} s, stop {last['stop']:.2f} s")
    if last["state"].startswith("BROKEN") or last["converged"] is False:
        wrong.append(f"the crontab: {last['state']}, converged: {last['converged']}")
    if is_left(cell, last) and not column.in_host:
        wrong.append(f"left behind: {last['left']} {' '.join(last['files'])}".strip())
    if last["reached"] and not report_is_true(last):
        wrong.append(f"the report is not true: {last['reached']}, and done is {last['done']}")
    for problem in wrong:
        print(f"{cell['fault']} {cell['column']} run {last['run']}: {problem}", file=sys.stderr)
    return bool(wrong)


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a run had a problem. The file has that run all the same."""
    parser = argparse.ArgumentParser("bench.faults", description="A campaign of faults.")
    titles = ", ".join(column.title for column in columns())
    parser.add_argument(
        "--runs", type=int, default=20, help="runs of each cell; 0: only write the table"
    )
    parser.add_argument(
        "--transport", action="append", default=[], help=f"only this column: {titles}"
    )
    parser.add_argument(
        "--fault", action="append", default=[], help="only this fault, by its name; see --list"
    )
    parser.add_argument("--list", action="store_true", help="print the faults")
    parser.add_argument("--out", type=Path, default=Path("evidence/faults.json"))
    parser.add_argument(
        "--take",
        type=Path,
        action="append",
        default=[],
        help="take in a file that another part of the campaign wrote",
    )
    parser.add_argument("--write", type=Path, help="write the table into this page")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{found.name:18} {found.point}: {found.title}" for found in FAULTS))
        return 0
    try:
        chosen(options.fault, options.transport)
        if options.write:
            page(options.write.read_text(), EMPTY)
        if options.write and not options.runs and not options.take:
            # The file is shown as it is, whatever sources wrote it.
            write_page(options.write, json.loads(options.out.read_text()))
            return 0
    except (KeyError, ValueError, OSError) as error:
        parser.error(str(error))
    bad = 0
    with Campaign() as campaign:
        record = Record(options.out, campaign.memory.kind)
        try:
            for part in options.take:
                record.take(part)
        except (ValueError, OSError) as error:
            parser.error(str(error))
        if options.runs:
            bad = run(options, record, campaign)
        elif options.take:
            record.write()
    if options.write:
        write_page(options.write, record.document)
    return 1 if bad else 0


EMPTY = {"cells": [], "commit": "", "dirty": False, "memory": "", "in_host": []}
"""The least document that can be shown: to check the page before the runs are made."""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
