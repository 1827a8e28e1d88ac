"""What a command says when something fails, to people and to programs, and its exit status."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from transportlab.cli.out import tell_error
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.errors import LabError, PluginError, RpcError, UsageError, marked
from transportlab.host.apply import ApplyInterrupted, Reached
from transportlab.host.logs import LogRecord
from transportlab.quote import clean_json

_EXTRA = {
    **dict.fromkeys(("markdown_it", "matplotlib", "numpy"), "evidence"),
    **dict.fromkeys(("dask", "distributed"), "dask"),
    "h2": "wire",
    "hypothesis": "random",
    "ruptures": "history",
}
"""Libraries by their import names, and the extra that brings each.

What a transport lacks, the registry tells.
"""


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


def check_writable(*paths: Path | None) -> None:
    """Raise UsageError for a file that cannot be written. What is None is no file.

    For a command that takes a while before it writes. Nothing is created or changed.
    """
    for path in filter(None, paths):
        there = path.exists()
        if path.is_dir():
            raise UsageError(f"{path}: cannot be written: it is a directory")
        if not there and not path.parent.is_dir():
            raise UsageError(f"{path}: cannot be written: there is no directory {path.parent}")
        if not os.access(path if there else path.parent, os.W_OK):
            raise UsageError(f"{path}: cannot be written: permission denied")


@contextmanager
def guarded(*, error_exit: int = EXIT_ERROR) -> Iterator[None]:
    """Make one line on stderr and an exit status of what the lab raises on purpose.

    A library that only an extra brings may be missing: that is an error of usage.
    """
    try:
        yield
    except LabError as error:
        tell_error(error_text(error))
        raise SystemExit(EXIT_USAGE if isinstance(error, UsageError) else error_exit) from None
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        how = f"pip install 'transportlab[{_EXTRA[name]}]'"
        tell_error(f"{name} is not installed; it comes with: {how}")
        raise SystemExit(EXIT_USAGE) from None
    except KeyboardInterrupt:
        tell_error("interrupted")
        raise
