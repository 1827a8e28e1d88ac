"""What a person sees of plugins: the list of them, why one does not start, and their pins."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from transportlab.cli.out import Out
from transportlab.host.inspection.check import Check, Status
from transportlab.host.inspection.diagnose import Diagnosis
from transportlab.host.inspection.list import ListedPlugin, Listing
from transportlab.host.inspection.pin import VerifiedPin, coverage
from transportlab.quote import clean

_COLOURS = {Status.OK: "green", Status.FAILED: "red", Status.NOT_REACHED: "dim"}
_INDENT = " " * 4

_COLUMN = 13
"""Width of a check's status, and of its name."""

LINE = 76
"""Where a remark wraps: 80 columns, less the indent."""


def listing(out: Out, found: Listing, *, started: bool) -> None:
    """A line for each plugin with its longer details below it; then the directories searched."""
    head = ["NAME", "KIND", "PINNED", *(["VERSION", "TRANSPORTS"] if started else [])]
    lines = [head, *(_columns(row, started) for row in found.plugins)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row, cells in zip((None, *found.plugins), lines, strict=True):
        out.print(_padded(cells, widths), "bold" if row is None else "")
        for text, style in () if row is None else _below(row):
            out.print(_INDENT + clean(text), style)
    count = len(found.plugins)
    out.print(f"{count} plugin{'' if count == 1 else 's'}. Searched, the first match wins:")
    for place in found.directories:
        problem = f" ({place.problem})" if place.problem else ""
        out.print(_INDENT + clean(place.path + problem))
    if not started:
        out.print("No plugin was started: --start asks each for its version and transports.")


def _columns(row: ListedPlugin, started: bool) -> list[str]:
    cells = [row.name, "library" if row.library else "program", "yes" if row.pinned else "no"]
    cells += [row.version or "-", ", ".join(row.transports) or "-"] if started else []
    return [clean(cell) for cell in cells]


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{c:{w}}" for c, w in zip(cells, widths, strict=True)).rstrip()


def _below(row: ListedPlugin) -> Iterator[tuple[str, str]]:
    yield row.path, ""
    if row.sha256:
        yield f"sha256 {row.sha256}", "dim"
        yield from ((line, "dim") for line in wrap(coverage(row.left_out), LINE))
    if row.hidden_by:
        yield f"hidden by {row.hidden_by}", "yellow"
    if row.code:
        yield f"{row.code}: {row.problem}", "red"
        yield f"-> {row.action}", ""


def diagnosis(out: Out, found: Diagnosis) -> None:
    """Each check with what it found and what to do about it; at the end, whether it starts."""
    kind = "library" if found.library else "program"
    title = f'{kind} "{found.name}" over {found.transport}'
    out.print(clean(title), "bold")
    for check in found.checks:
        _check(out, check)
    answers: dict[str, list[str]] = {}
    for transport, answer in found.refused.items():
        answers.setdefault(answer, []).append(transport)
    for answer, transports in answers.items():
        for line in out.wrapped(clean(f"not over {', '.join(transports)}: {answer}")):
            out.print(line)
    if found.starts:
        out.print("It starts.", "green")
    elif found.cause is not None:
        out.print(f"It does not start; see {found.cause.name} first.", "red")


def _check(out: Out, check: Check) -> None:
    name = f"{check.name:{_COLUMN}}"
    head = out.styled(f"{check.status:{_COLUMN}}", _COLOURS[check.status]) + name
    for line in out.wrapped("\n".join(_texts(check)), beside=2 * _COLUMN):
        out.print((head + line).rstrip())
        head = " " * (2 * _COLUMN)


def _texts(check: Check) -> Iterator[str]:
    yield clean(check.found)
    yield from (clean(f"| {line}") for line in check.lines)
    if check.action:
        yield clean(f"-> {check.action}")


def pin(result: VerifiedPin) -> str:
    """A line for a pin, and the file that it was compared with."""
    head = f"{result.state.value:8}  {result.name}"
    if result.file is None:
        return clean(f"{head}  {result.problem}")
    left_out = coverage(result.file.left_out)
    return clean(f"{head}  {result.file.path}  {result.file.sha256}  {left_out}")
