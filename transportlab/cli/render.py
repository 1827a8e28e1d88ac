"""What a person sees of operations: tables, diffs and progress.

Every text that a backend gave is shown with its control characters escaped.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from transportlab import model
from transportlab.cli.out import Out
from transportlab.quote import clean
from transportlab.words import explained

_MARKS = {
    model.OpKind.CREATE: ("+", "green"),
    model.OpKind.UPDATE: ("~", "yellow"),
    model.OpKind.DELETE: ("-", "red"),
}


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


MOST_SHOWN = 20
"""Items of a list that are printed; --json has all."""


def entries(out: Out, reply: model.ReadReply) -> None:
    """A table of owned entries; then the malformed markers."""
    if reply.entries:
        out.table(
            ("JOB", "#", "SCHEDULE", "COMMAND", "HASH", "WHERE"),
            [
                (f"{e.app}.{e.job}", str(e.index), e.schedule, e.command, e.hash, e.location)
                for e in reply.entries
            ],
        )
    out.print(_count(len(reply.entries), "entry", "entries"))
    _few(
        out,
        [f"{m.location}: {m.reason}: {m.text}" for m in reply.malformed[:MOST_SHOWN]],
        len(reply.malformed),
        "malformed markers",
    )
    _explain(out, ["malformed marker"] if reply.malformed else [])


def warnings(out: Out, found: Sequence[model.StoreWarning]) -> None:
    """What an operator should know although the call succeeded."""
    lines = []
    for each in found[:MOST_SHOWN]:
        where = f"{each.location}: " if each.location else ""
        action = f"; {each.action}" if each.action else ""
        lines.append(f"warning {each.reason}: {where}{each.message}{action}")
    _few(out, lines, len(found), "warnings")


def _few(out: Out, lines: Sequence[str], total: int, noun: str) -> None:
    """The first lines of a list that may be long, and how many there are besides."""
    for line in lines:
        out.print(clean(line), "yellow")
    if total > len(lines):
        out.print(f"and {total - len(lines)} more {noun}", "yellow")


def _explain(out: Out, words: Sequence[str]) -> None:
    for line in explained(words):
        out.print(line, "dim")


def plan(out: Out, reply: model.PlanReply) -> None:
    """The ops as a diff, and a summary."""
    for op in reply.ops:
        if op.kind in _MARKS:
            mark, colour = _MARKS[op.kind]
            out.print(f"{mark} {op.kind} {clean(f'{reply.app}.{op.job}')}", colour)
            _diff(out, op.before, op.after)
    kinds = [op.kind for op in reply.ops]
    parts = [f"{kinds.count(kind)} to {kind}" for kind in _MARKS if kinds.count(kind)] or [
        "nothing to do"
    ]
    warnings(out, reply.warnings)
    out.print(f"Plan: {', '.join(parts)}; {kinds.count(model.OpKind.SKIP)} unchanged.")


def _diff(out: Out, before: Sequence[model.Entry], after: Sequence[model.Entry]) -> None:
    old, new = [_line(entry) for entry in before], [_line(entry) for entry in after]
    for line in old:
        if line not in new:
            out.print(f"    - {line}", "red")
    for line in new:
        if line not in old:
            out.print(f"    + {line}", "green")


def _line(entry: model.Entry | None) -> str:
    if entry is None:
        return "(none)"
    return clean(f"[{entry.index}] {entry.schedule} {entry.command} #{entry.hash}")


@contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr while an Apply runs, if stderr is a terminal; yields what moves it."""
    if not steps or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # see cli/out.py
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("applying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[job]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("apply", total=steps, job="")
        yield lambda job: bar.update(task, advance=1, job=clean(job))


def applied(out: Out, wanted: model.PlanReply, counts: model.Counts) -> None:
    """What was done."""
    plan(out, wanted)
    out.print(
        f"Applied: {counts.created} created, {counts.updated} updated, {counts.deleted} deleted,"
        f" {counts.skipped} unchanged."
    )


def drift(out: Out, reply: model.DriftReply) -> None:
    """Each difference with what is desired and what is there."""
    for item in reply.items:
        out.print(clean(f"{item.kind} {item.app}.{item.job} [{item.index}]"), "yellow")
        if item.expected is not None:
            out.print(f"    expected {_line(item.expected)}", "green")
        if item.actual is not None:
            out.print(f"    found    {_line(item.actual)} ({clean(item.actual.location)})", "red")
    out.print(_count(len(reply.items), "difference") if reply.items else "No drift.")
    _explain(out, [item.kind for item in reply.items])


def pruned(out: Out, reply: model.PruneReply, dry_run: bool) -> None:
    """The entries that were removed, or would be."""
    for entry in reply.removed:
        out.print(f"- {clean(f'{entry.app}.{entry.job}')} {_line(entry)}", "red")
    verb = "would be removed" if dry_run else "removed"
    out.print(f"{_count(len(reply.removed), 'entry', 'entries')} {verb}.")


def adopted(out: Out, job: str, reply: model.AdoptReply, dry_run: bool) -> None:
    """The outcome, and each difference that prevented an adoption."""
    words = {
        model.AdoptOutcome.ADOPTED: "would be adopted" if dry_run else "adopted",
        model.AdoptOutcome.ALREADY_MANAGED: "already managed",
        model.AdoptOutcome.DIVERGED: "differs from the manifest; nothing was touched",
        model.AdoptOutcome.NOT_FOUND: "nothing to adopt",
    }
    out.print(f"{clean(job)}: {words[reply.outcome]}")
    for entry in reply.entries:
        out.print(f"    {_line(entry)}", "green")
    for item in reply.differences:
        wanted, got = item.expected or "nothing", item.got or "nothing"
        where = f" ({item.location})" if item.location else ""
        what = f"    [{item.index}] expected {wanted}, found {got}{where}"
        out.print(clean(what), "yellow")


def verdicts(out: Out, reply: model.VerifyOwnershipReply) -> None:
    """A table of verdicts."""
    out.table(
        ("VERDICT", "JOB", "#", "SCHEDULE", "WHERE", "WHY"),
        [
            (i.verdict, f"{i.entry.app}.{i.entry.job}", str(i.entry.index), i.entry.schedule,
             i.entry.location, i.reason)
            for i in reply.items
        ],
    )  # fmt: skip
    warnings(out, reply.warnings)
    out.print(_count(len(reply.items), "entry", "entries"))
    _explain(out, [item.verdict for item in reply.items])


def transports(out: Out, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of traits with a column for each transport."""
    lines = [
        [trait, *(_trait(row[trait]) for row in rows)]
        for trait in rows[0]
        if trait not in {"name", "requires", "missing"}
    ]
    for head, name in (("needs", "requires"), ("missing", "missing")):
        lines.append([head, *(", ".join(row[name]) or "-" for row in rows)])
    out.table(["", *(row["name"] for row in rows)], lines)


def _trait(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
