"""The command line: transportlab <operation> --manifest FILE --backend NAME --transport NAME ...

There is one module for each group of commands, and only that of the command that is called is
imported. So what all commands are is data: commands.py. parser.py makes arguments of words,
options.py holds what the operations have in common. out.py prints, render.py and render_plugins.py
make what a person sees, errors.py what a person is told when something fails. streams.py and
process.py make a process of a command: its streams, its signals and its exit status.
"""

import sys

from transportlab import __version__
from transportlab.cli.commands import COMMANDS, Table
from transportlab.cli.streams import EXIT_USAGE, streams

OPTIONS = {"--version": "Print the version.", "--help": "Show this message and exit; also -h."}
HELP = ("--help", "-h")
SUMMARY = "One backend RPC set over several transports: call it, check it, measure it."


def main() -> None:
    """Run the command that sys.argv names, as this process. Does not return."""
    streams(lambda: _called("transportlab", SUMMARY, COMMANDS, sys.argv[1:]))


def _called(program: str, summary: str, table: Table, words: list[str]) -> int:
    """Call the command that the first word names with the others; return the exit status."""
    word, *rest = words or [""]
    if " ".join(words[:2]) in table:  # a command that has a word more than another one
        word, rest = " ".join(words[:2]), words[2:]
    options = dict(OPTIONS)
    if table is not COMMANDS:
        del options["--version"]
    elif word == "--version":
        print(f"transportlab {__version__}")
        return 0
    if word in table:
        place, line = table[word]
        if isinstance(place, str):
            return _run(place, f"{program} {word}", rest)
        return _called(f"{program} {word}", line, place, rest)
    from transportlab.cli.parser import overview, unknown

    if word in {"", *HELP}:
        print(
            overview(program, summary, options, {name: line for name, (_, line) in table.items()})
        )
        return 0 if word else EXIT_USAGE
    return unknown(program, word, options, table)


def _run(place: str, program: str, words: list[str]) -> int:
    from importlib import import_module

    from transportlab.cli.process import heeding

    module, _, name = place.partition(":")
    command = getattr(import_module(f"{__name__}.{module}"), name)
    return heeding(lambda: int(command(program, words)))
