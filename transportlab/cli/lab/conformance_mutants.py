"""The kill matrix as a part of a command: `transportlab conformance --mutants`."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from transportlab.cli.errors import check_writable
from transportlab.cli.lab.suite import Wanted, json_files, print_text, usage_errors
from transportlab.cli.streams import EXIT_ERROR
from transportlab.conformance.mutants.data import load_mutants
from transportlab.conformance.mutants.matrix import (
    Matrix,
    MutantLines,
    markdown,
    result_text,
    summary,
)
from transportlab.conformance.mutants.run import MutantOptions, MutantResult, run_mutants
from transportlab.conformance.vectors import load_vectors, select
from transportlab.data import write_file
from transportlab.errors import UsageError

TAKEN = "--group, --vector, --transport, --timeout, --json, --json-file and --markdown"
"""The options that go with --mutants."""


class MutantArguments(Struct, frozen=True):
    """What the options of the command say. others: the values of those that do not go with it."""

    wanted: Wanted
    transports: Sequence[str]
    timeout: float
    others: Sequence[object]


def show_mutants(arguments: MutantArguments) -> int:
    """Run the mutants, tell each as it ends, and write the files. Returns the exit status."""
    wanted = arguments.wanted
    apart = (wanted.lists, wanted.revision, wanted.known, wanted.verbose, wanted.capsules)
    with usage_errors():
        if any((*arguments.others, *apart, wanted.junit, wanted.badge)):
            raise UsageError(f"--mutants goes with {TAKEN} alone")
        matrix = _run(arguments)
    return 0 if matrix.ok else EXIT_ERROR


def _run(arguments: MutantArguments) -> Matrix:
    wanted = arguments.wanted
    vectors = load_vectors()
    chosen = () if wanted.whole else select(vectors, wanted.group, wanted.vector)
    suite = load_mutants(vectors, None if wanted.what is None else Path(wanted.what))
    check_writable(wanted.json_file, wanted.markdown)
    with json_files(wanted) as files:
        formats = [MutantLines(file, suite) for file in files]

        def on_result(result: MutantResult) -> None:
            for lines in formats:
                lines.result(result)
            print_text(result_text(result), err=wanted.as_json)

        options = MutantOptions(
            chosen, tuple(arguments.transports), arguments.timeout, on_result=on_result
        )
        plugins = run_mutants(suite, vectors, options)
        matrix = Matrix(suite, vectors, plugins, chosen, whole=not arguments.transports)
        for lines in formats:
            lines.end(matrix)
    if wanted.markdown is not None:
        write_file(wanted.markdown, markdown(matrix))
    for line in summary(matrix):
        print_text(line, err=wanted.as_json)
    return matrix
