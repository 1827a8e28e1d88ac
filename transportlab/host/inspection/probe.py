"""A program that asks a shared library for its handshake line.

    python -P -m transportlab.host.inspection.probe LIBRARY

It writes the library's line (P-FFI-1) to stdout, as a plugin program writes its own. What the
library prints goes to stderr, and so does the reason if there is no line. It is a process of its
own because loading a library runs the library's code, and a crash must not end the host. It stands
apart from start.py so that this process imports little.
"""

import ctypes
import os
import sys
from pathlib import Path

from transportlab.handshake import MAX_LINE
from transportlab.sdk.program import claim_stdout

FUNCTION = "cronix_plugin_handshake"


def main(arguments: list[str]) -> None:
    """Ask the library whose path is the one argument."""
    if len(arguments) != 1:
        sys.exit("usage: python -P -m transportlab.host.inspection.probe LIBRARY")
    stdout = claim_stdout()
    try:
        library = ctypes.CDLL(str(Path(arguments[0]).absolute()), mode=os.RTLD_NOW)
        handshake = getattr(library, FUNCTION)
    except (OSError, AttributeError) as error:
        sys.exit(f"it is not a plugin's library: {error}")
    handshake.restype = ctypes.c_char_p
    line: bytes | None = handshake()
    if line is None:
        sys.exit("it gave no handshake line")
    stdout.write(line[:MAX_LINE] + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
