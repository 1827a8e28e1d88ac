"""What a person sees of operations: tables, diffs, progress and errors.

Every text that a backend gave is shown with its control characters escaped.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import asdict
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from transportlab import model
from transportlab.errors import LabError, PluginError, RpcError, marked
from transportlab.host.apply import ApplyInterrupted, Reached
from transportlab.host.logs import LogRecord
from transportlab.quote import clean, clean_json

_MARKS = {
    model.OpKind.CREATE: ("+", "green"),
    model.OpKind.UPDATE: ("~", "yellow"),
    model.OpKind.DELETE: ("-", "red"),
}


def table(out: Console, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns under their heads, with every cell escaped."""
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(Text(clean(cell)) for cell in row))
    out.print(shown)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


MOST_SHOWN = 20
"""Items of a list that are printed; --json has all."""


def entries(out: Console, reply: model.ReadReply) -> None:
    """A table of owned entries; then the malformed markers."""
    if reply.entries:
        table(
            out,
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


def warnings(out: Console, found: Sequence[model.StoreWarning]) -> None:
    """What an operator should know although the call succeeded."""
    lines = []
    for each in found[:MOST_SHOWN]:
        where = f"{each.location}: " if each.location else ""
        action = f"; {each.action}" if each.action else ""
        lines.append(f"warning {each.reason}: {where}{each.message}{action}")
    _few(out, lines, len(found), "warnings")


def _few(out: Console, lines: Sequence[str], total: int, noun: str) -> None:
    """The first lines of a list that may be long, and how many there are besides."""
    for line in lines:
        out.print(Text(clean(line), "yellow"))
    if total > len(lines):
        out.print(Text(f"and {total - len(lines)} more {noun}", "yellow"))


def plan(out: Console, reply: model.PlanReply) -> None:
    """The ops as a diff, and a summary."""
    for op in reply.ops:
        if op.kind in _MARKS:
            mark, colour = _MARKS[op.kind]
            out.print(Text(f"{mark} {op.kind} {clean(f'{reply.app}.{op.job}')}", colour))
            _diff(out, op.before, op.after)
    kinds = [op.kind for op in reply.ops]
    parts = [f"{kinds.count(kind)} to {kind}" for kind in _MARKS if kinds.count(kind)] or [
        "nothing to do"
    ]
    warnings(out, reply.warnings)
    out.print(f"Plan: {', '.join(parts)}; {kinds.count(model.OpKind.SKIP)} unchanged.")


def _diff(out: Console, before: Sequence[model.Entry], after: Sequence[model.Entry]) -> None:
    old, new = [_line(entry) for entry in before], [_line(entry) for entry in after]
    for line in old:
        if line not in new:
            out.print(Text(f"    - {line}", "red"))
    for line in new:
        if line not in old:
            out.print(Text(f"    + {line}", "green"))


def _line(entry: model.Entry | None) -> str:
    if entry is None:
        return "(none)"
    return clean(f"[{entry.index}] {entry.schedule} {entry.command} #{entry.hash}")


@contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr while an Apply runs, if stderr is a terminal; yields what moves it."""
    columns = (
        TextColumn("applying"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[job]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("apply", total=steps, job="")
        yield lambda job: bar.update(task, advance=1, job=clean(job))


def applied(out: Console, wanted: model.PlanReply, counts: model.Counts) -> None:
    """What was done."""
    plan(out, wanted)
    out.print(
        f"Applied: {counts.created} created, {counts.updated} updated, {counts.deleted} deleted,"
        f" {counts.skipped} unchanged."
    )


def drift(out: Console, reply: model.DriftReply) -> None:
    """Each difference with what is desired and what is there."""
    for item in reply.items:
        out.print(Text(clean(f"{item.kind} {item.app}.{item.job} [{item.index}]"), "yellow"))
        if item.expected is not None:
            out.print(Text(f"    expected {_line(item.expected)}", "green"))
        if item.actual is not None:
            out.print(
                Text(f"    found    {_line(item.actual)} ({clean(item.actual.location)})", "red")
            )
    out.print(_count(len(reply.items), "departure") if reply.items else "No drift.")


def pruned(out: Console, reply: model.PruneReply, dry_run: bool) -> None:
    """The entries that were removed, or would be."""
    for entry in reply.removed:
        out.print(Text(f"- {clean(f'{entry.app}.{entry.job}')} {_line(entry)}", "red"))
    verb = "would be removed" if dry_run else "removed"
    out.print(f"{_count(len(reply.removed), 'entry', 'entries')} {verb}.")


def adopted(out: Console, job: str, reply: model.AdoptReply, dry_run: bool) -> None:
    """The outcome, and each difference that prevented an adoption."""
    words = {
        model.AdoptOutcome.ADOPTED: "would be adopted" if dry_run else "adopted",
        model.AdoptOutcome.ALREADY_MANAGED: "already managed",
        model.AdoptOutcome.DIVERGED: "diverged; nothing was touched",
        model.AdoptOutcome.NOT_FOUND: "nothing to adopt",
    }
    out.print(f"{clean(job)}: {words[reply.outcome]}")
    for entry in reply.entries:
        out.print(Text(f"    {_line(entry)}", "green"))
    for item in reply.differences:
        wanted, got = item.expected or "nothing", item.got or "nothing"
        where = f" ({item.location})" if item.location else ""
        what = f"    [{item.index}] expected {wanted}, found {got}{where}"
        out.print(Text(clean(what), "yellow"))


def verdicts(out: Console, reply: model.VerifyOwnershipReply) -> None:
    """A table of verdicts."""
    table(
        out,
        ("VERDICT", "JOB", "#", "SCHEDULE", "WHERE", "WHY"),
        [
            (i.verdict, f"{i.entry.app}.{i.entry.job}", str(i.entry.index), i.entry.schedule,
             i.entry.location, i.reason)
            for i in reply.items
        ],
    )  # fmt: skip
    warnings(out, reply.warnings)
    out.print(_count(len(reply.items), "entry", "entries"))


def transports(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of traits with a column for each transport."""
    shown = Table("", *(row["name"] for row in rows), box=None, pad_edge=False, header_style="bold")
    for trait in rows[0]:
        if trait not in ("name", "requires", "missing"):
            shown.add_row(trait, *(_trait(row[trait]) for row in rows))
    shown.add_row("needs", *(", ".join(row["requires"]) or "-" for row in rows))
    shown.add_row("missing", *(", ".join(row["missing"]) or "-" for row in rows))
    out.print(shown)


def _trait(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def error_text(error: LabError) -> str:
    """An error for people: what failed, what was expected, what to do, how far an Apply came."""
    reached = Reached()
    if isinstance(error, ApplyInterrupted):
        reached, error = error.reached, error.error
    lines = [str(error)]
    if isinstance(error, RpcError):
        lines, details = [marked(str(error))], error.details
        if details.expected:
            got = marked(details.got or "nothing")
            lines.append(f"  expected {marked(details.expected)}, got {got}")
        elif details.got:  # not "expected nothing": the backend has not said what would be right
            lines.append(f"  got {marked(details.got)}")
        if details.action:
            lines.append(f"  {marked(details.action)}")
    lines.extend(f"  {note}" for note in getattr(error, "__notes__", ()))
    lines.extend(
        f"  {what}: {', '.join(names)}{_REACHED[what]}"
        for what, names in asdict(reached).items()
        if names
    )
    return "\n".join(lines)


_REACHED = {
    "applied": "",
    "failed": "",
    "unknown": " (reported begun and not done; it is there whole or not at all)",
    "unreported": " (nothing was heard of it before that; plan again to see)",
    "unattempted": "",
}


def error_json(error: LabError) -> str:
    """An error for programs: its kind, its text and its data."""
    reached = None
    if isinstance(error, ApplyInterrupted):
        reached, error = error.reached, error.error
    data: dict[str, object] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, RpcError):
        data |= {"message": error.message, "code": error.code.name, "details": error.details}
    if isinstance(error, PluginError):
        details = {name: value for name, value in vars(error).items() if name != "__notes__"}
        data |= {"message": error.problem, "code": error.code, "details": details}
    if reached is not None:
        data["apply"] = reached
    return _json({"error": data})


def log_json(record: LogRecord) -> str:
    """A line of a plugin's log for programs: the members of LogRecord."""
    return _json(record)


def _json(value: object) -> str:
    r"""JSON that may also hold what msgspec refuses: file names that are no Unicode (\udcff)."""
    return clean_json(
        json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
    )
