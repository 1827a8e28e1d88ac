"""Errors of the commands that work on evidence: one line on stderr, and the exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from transportlab.cli.interrupts import interrupts
from transportlab.cli.options import EXIT_ERROR, EXIT_USAGE
from transportlab.cli.render import error_text
from transportlab.errors import LabError, UsageError
from transportlab.quote import clean

_EXTRA = ("numpy", "matplotlib")


@contextmanager
def guarded(*, error_exit: int = EXIT_ERROR) -> Iterator[None]:
    """Turn what the lab raises on purpose, and a library that is missing, into an exit."""
    try:
        yield
    except LabError as error:
        code = EXIT_USAGE if isinstance(error, UsageError) else error_exit
        _fail(error_text(error), code)
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        _fail(
            f"{name} is not installed; it comes with: pip install 'transportlab[evidence]'",
            EXIT_USAGE,
        )
    except KeyboardInterrupt:
        _fail("interrupted", interrupts.status)


def _fail(text: str, code: int) -> None:
    typer.echo(f"error: {clean(text, keep_lines=True)}", err=True)
    raise typer.Exit(code) from None
