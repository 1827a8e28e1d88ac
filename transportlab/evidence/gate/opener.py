"""A host that opens one library, writes one byte to stdout, and ends.

    python -m transportlab.evidence.gate.opener PATH TRANSPORT

The gate starts it to time what an operator waits for when a backend is loaded and not spawned. It
imports what such a host imports, and nothing of the gate. The configuration is a line of JSON on
stdin: {"config": {...}, "secrets": {...}}.
"""

import json
import sys

from transportlab.errors import LabError
from transportlab.host import HostOptions, open_backend


def main(arguments: list[str]) -> int:
    """The exit status: 1 if the library cannot be opened, with the reason on stderr."""
    plugin, transport = arguments
    options = HostOptions(**json.loads(sys.stdin.readline()))
    try:
        with open_backend(plugin, transport, options):
            sys.stdout.buffer.write(b"o")
            sys.stdout.buffer.flush()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
