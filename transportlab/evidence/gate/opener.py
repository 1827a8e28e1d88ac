"""A host that opens a library, says so with one byte, and ends: `opener PATH TRANSPORT NAME=VALUE`.

The gate starts it to time what an operator waits for when a backend is loaded, not spawned.
"""

import sys

from transportlab.errors import LabError
from transportlab.host import HostOptions, open_backend


def main(arguments: list[str]) -> int:
    """Exit status 1, and why on stderr, if the library cannot be opened."""
    plugin, transport, *words = arguments
    config = dict(word.split("=", 1) for word in words)
    try:
        with open_backend(plugin, transport, HostOptions(config=config)):
            sys.stdout.buffer.write(b"o")
            sys.stdout.buffer.flush()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
