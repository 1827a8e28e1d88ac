"""The command's streams: open at its start, and flushed before it exits with its status.

It imports next to nothing, as `transportlab --version` runs it too.
"""

import errno
import os
import sys
from collections.abc import Callable

EXIT_ERROR = 1
EXIT_USAGE = 2


def streams(command: Callable[[], int]) -> None:
    """Run the command, and exit with the status that it returns. Does not return."""
    _open()
    status: object
    try:
        try:
            status = command()
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
    except OSError as error:  # of stdout: what is in the way of a plugin is a LabError
        # Else the interpreter writes once more at its end, and exits with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # Who reads a pipe no further, as `head` does, has what it wants.
        status = EXIT_ERROR if isinstance(error, BrokenPipeError) else f"error: {_told(error)}"
    sys.exit(status)


def _told(error: OSError) -> str:
    if not error.strerror:
        return str(error)
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror.lower()}"
    if error.errno == errno.EBADF:  # see _open
        return "stdout is closed"
    return f"stdout cannot be written: {error.strerror.lower()}"


def _open() -> None:
    """Open the descriptors 0, 1 and 2 where they are closed.

    Else the next pipe would get such a number, and with it whatever is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # Printing must fail, or a plan that nobody could see would be a success.
            mode = os.O_RDONLY if name == "stdout" else os.O_RDWR
            opened = os.open(os.devnull, mode)  # the lowest number that is free
            setattr(sys, name, open(opened, "w" if descriptor else "r", encoding="utf-8"))  # noqa: SIM115  # lives as long as the process
