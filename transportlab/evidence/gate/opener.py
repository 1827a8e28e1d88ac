"""A host that opens a library, says so with one byte, and ends: `opener PATH TRANSPORT`.

The gate starts it to time what an operator waits for when a backend is loaded, not spawned. The
configuration comes as one line of JSON on stdin: {"config": {...}, "secrets": {...}}.
"""

import json
import sys

from transportlab.errors import LabError
from transportlab.host import HostOptions, open_backend


def main(arguments: list[str]) -> int:
    """Exit status 1, and why on stderr, if the library cannot be opened."""
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
