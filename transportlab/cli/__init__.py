"""The command line: transportlab <operation> --manifest FILE --backend NAME --transport NAME ...

There is one module for each group of commands, and only that of the command that is called is
imported. So what all commands are is data: COMMANDS. parser.py makes arguments of words, options.py
holds what the operations have in common. out.py prints, render.py and render_plugins.py make what a
person sees, errors.py what a person is told when something fails. streams.py and process.py make a
process of a command: its streams, its signals and its exit status.
"""

import sys

from transportlab import __version__
from transportlab.cli.streams import EXIT_USAGE, streams

Table = dict[str, tuple["str | Table", str]]
"""By a command's name: the module and the name of its Command, or a table; what it is for."""

PLUGINS: Table = {
    "list": (
        "plugins:list_plugins",
        "Show the plugins that a host would find, and what is wrong with those that cannot run.",
    ),
    "diagnose": (
        "plugins:diagnose_plugin",
        "Find out why a plugin does not start: examine its file, then start it.",
    ),
    "pin": (
        "plugins:pin",
        "Print the manifest's plugins block that pins these plugins as they are now.",
    ),
    "verify": (
        "plugins:verify_pins",
        "Compare the manifest's pins with the files that a host would run, without running them.",
    ),
}

COMMANDS: Table = {
    "read": ("operations:read", "Show the app's entries, and the markers that cannot be read."),
    "plan": ("operations:plan", "Show what apply would do."),
    "apply": (
        "operations:apply",
        "Make a plan, and carry it out. With --strict nothing is done if there are warnings.",
    ),
    "drift": (
        "operations:drift",
        "Show how entries differ from the manifest; change nothing.",
    ),
    "prune": (
        "operations:prune",
        "Remove the app's entries whose jobs are not in the manifest.",
    ),
    "adopt": ("operations:adopt", "Mark existing entries of one job as owned."),
    "verify-ownership": (
        "operations:verify_ownership",
        "Judge each entry: owned, tampered, abandoned, duplicate or foreign.",
    ),
    "transports": (
        "transports:transports",
        "Show the transports and what each can and cannot do.",
    ),
    "conformance": (
        "conformance:conformance",
        "Test a plugin against the protocol on every transport; without --plugin, the lab's own.",
    ),
    "conformance host": (
        "conformance_host:conformance_host",
        "Test a host's command against the protocol, with plugins that follow a script.",
    ),
    "evidence": ("evidence:evidence", "Measure every transport and write a file of evidence."),
    "report": (
        "evidence:report",
        "Write REPORT.md, report/suites.md and their figures from evidence files.",
    ),
    "reproduce": (
        "evidence:reproduce",
        "Judge every claim by your own run, beside the committed evidence.",
    ),
    "decide": ("decide:decide", "Rank the transports by the criteria of spec/decision.json."),
    "gate": ("gate:gate", "Fail if a build of a plugin has become slower to its first answer."),
    "plugins": (PLUGINS, "List and diagnose plugins; pin and verify their sums."),
}

OPTIONS = {"--version": "Print the version.", "--help": "Show this message and exit."}
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

    if word in {"", "--help"}:
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
