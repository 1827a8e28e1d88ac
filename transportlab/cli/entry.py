"""What surrounds the commands as a process: its three streams, its signals, an output that fails.

A command that is told to end by SIGINT, SIGTERM or SIGHUP stops its plugin first, within the bounds
of any stop, and exits with 128 and the signal's number (interrupts.py).
"""

import os
import signal
import sys

from transportlab.cli.operations import app
from transportlab.cli.process import EXIT_SIGNAL, interrupts


def main() -> None:
    """The entry point of the installed command."""
    _open_streams()
    interrupts.heed()
    # Whoever starts this may have it ignored, and then nobody learns how a plugin has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        _run()
    except OSError as error:  # of stdout: what is in the way of a plugin is a LabError
        # Else the interpreter tries once more at its end, and exits with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(f"error: {error}")


def _run() -> None:
    """The command; if a signal ends it outside its guards, where no plugin is, with its status."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(interrupts.status)
    except SystemExit as end:
        if end.code == EXIT_SIGNAL + signal.SIGINT:  # typer's own, whichever signal it was
            end.code = interrupts.status
        raise


def _open_streams() -> None:
    """Have the numbers 0, 1 and 2 taken, for else the next pipe gets one, and what is printed."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(opened, "w" if descriptor else "r", encoding="utf-8"))  # noqa: SIM115  # lives as long as the process
