"""Asks a shared library for its handshake line, in a process that its crash may take along.

    python -P -m transportlab.host.inspection.probe LIBRARY

writes the library's own line (P-FFI-1) to stdout, as a plugin program writes its own; what the
library prints goes to stderr, and so does why there is no line.
"""

import ctypes
import os
import sys
from pathlib import Path

from transportlab.handshake import MAX_LINE
from transportlab.sdk import claim_stdout

FUNCTION = "cronix_plugin_handshake"


def main(arguments: list[str]) -> None:
    """Ask the library at the one path in arguments."""
    if len(arguments) != 1:
        sys.exit("usage: python -P -m transportlab.host.inspection.probe LIBRARY")
    wire = claim_stdout()
    try:
        library = ctypes.CDLL(str(Path(arguments[0]).absolute()), mode=os.RTLD_NOW)
        handshake = getattr(library, FUNCTION)
    except (OSError, AttributeError) as error:
        sys.exit(f"it is no plugin's library: {error}")
    handshake.restype = ctypes.c_char_p
    line: bytes | None = handshake()
    if line is None:
        sys.exit("it gave no handshake line")
    wire.write(line[:MAX_LINE] + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
