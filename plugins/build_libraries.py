"""Builds the reference plugins as shared libraries, for the FFI transport.

    python plugins/build_libraries.py [DIRECTORY]

DIRECTORY is where this environment keeps its programs, unless it is given. Without a C compiler or
Python's headers nothing is built, and one line says so: the other transports need neither.
"""

import sys
from pathlib import Path
from sysconfig import get_path

from transports.ffi.build import ToolMissing, build

REFERENCE = ("echo", "crontab")


def main(arguments: list[str]) -> int:
    """Build what is missing or not current; 0 also if there is no compiler."""
    folder = Path(arguments[0] if arguments else get_path("scripts"))
    for name in REFERENCE:
        out = folder / f"cronix-backend-{name}.so"
        try:
            made = build(f"transportlab.backends.{name}:PLUGIN", out)
        except ToolMissing as error:
            print(f"FFI: not built: {error}")
            return 0
        print(f"FFI: {'built' if made else 'already there'}: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
