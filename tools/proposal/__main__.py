"""The command `python -m tools.proposal`; see the package."""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from tools.proposal.folder import NotOurs, files, write


def main(arguments: list[str]) -> int:
    """Write the folder; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.proposal")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    for kind, name, given in (("Q", "--question", "Q-002"), ("D", "--decision", "D-038")):
        parser.add_argument(
            name,
            type=_number(kind),
            default=given,
            metavar=f"{kind}-NNN",
            help="The number that the entry was given at triage (%(default)s unless given).",
        )
    options = parser.parse_args(arguments)
    try:
        write(options.out, files(options.question, options.decision))
    except NotOurs as error:
        parser.error(str(error))
    except OSError as error:
        print(f"error: {error.filename}: cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"proposal: {options.out}/README.md")
    return 0


def _number(kind: str) -> Callable[[str], str]:
    """A check of an entry's number."""

    def checked(text: str) -> str:
        if not re.fullmatch(rf"{kind}-\d{{3}}", text):
            raise argparse.ArgumentTypeError(f"expected {kind}-NNN, got {text!r}")
        return text

    return checked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
