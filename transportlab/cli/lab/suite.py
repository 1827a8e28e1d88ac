"""What the two suites' commands have in common: which vectors, what counts, and the outputs.

--json                                      JSON Lines on stdout; what people read is on stderr
--json-file, --junit, --markdown, --badge   files
--capsules                                  a folder, with a file for each failure
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from msgspec import Struct, json
from msgspec.structs import replace

from transportlab.cli.errors import check_writable
from transportlab.cli.out import tell_error
from transportlab.cli.parser import flag, option, repeated
from transportlab.cli.streams import EXIT_ERROR, EXIT_USAGE
from transportlab.conformance.badge import badge
from transportlab.conformance.capsule import Capsules, make_folder
from transportlab.conformance.listing import GROUPS, VECTORS, lines, listed
from transportlab.conformance.markdown import markdown
from transportlab.conformance.report import (
    SUITE,
    JsonLines,
    outcome_line,
    outcome_text,
    summary,
    totals_lines,
    write_junit,
)
from transportlab.conformance.result import BAD, ArmResult, Outcome, Report
from transportlab.conformance.standing import Revision, Standing, load_standing
from transportlab.conformance.vectors import C, Case, select
from transportlab.data import open_to_write, write_file
from transportlab.errors import UsageError
from transportlab.quote import clean, quote

OPTIONS = (
    option("what", nargs="?", metavar=f"[{VECTORS}|{GROUPS}]", help="What --list shows."),
    repeated("--group", metavar="GROUP", help="Only this group of vectors."),
    repeated("--vector", metavar="ID", help="Only this vector."),
    flag("--list", dest="lists", help="Show the vectors, or the groups, and run none."),
    option(
        "--revision",
        metavar="N",
        help="Fail by the vectors that this revision of the protocol requires, the newest unless"
        " given; newer ones are advisory. `next` requires all.",
    ),
    option(
        "--known",
        type=Path,
        metavar="FILE",
        help="Expect the failures in this file: id, reason, until.",
    ),
    flag("--verbose", help="Also show what passed, and why each vector was not tried."),
    flag("--json", dest="as_json", help="Print each result as a line of JSON."),
    option("--json-file", type=Path, metavar="FILE", help="Write these lines to a file."),
    option("--junit", type=Path, metavar="FILE", help="Write a JUnit report."),
    option("--markdown", type=Path, metavar="FILE", help="Write a summary in Markdown."),
    option("--badge", type=Path, metavar="FILE", help="Write a badge as SVG."),
    option(
        "--capsules",
        type=Path,
        metavar="DIR",
        help="Write a file for each failure, with all that passed on the wire.",
    ),
)
"""The options of both commands, whose values make a Wanted."""


class Wanted(Struct, frozen=True):
    """The values of OPTIONS."""

    what: str | None
    group: list[str]
    vector: list[str]
    lists: bool
    revision: str | None
    known: Path | None
    verbose: bool
    as_json: bool
    json_file: Path | None
    junit: Path | None
    markdown: Path | None
    badge: Path | None
    capsules: Path | None

    @property
    def whole(self) -> bool:
        """Whether no vector is left out."""
        return not (self.group or self.vector)


class Suite(Struct, frozen=True):
    """What one of the commands tests: its words, its vectors, and the badge's subject."""

    words: Sequence[str]
    of: Callable[[Revision], Sequence[str]]
    badge: str


PLUGINS = Suite(SUITE, lambda revision: revision.plugin, "cronix backend")
HOSTS = Suite((*SUITE, "host"), lambda revision: revision.host, "cronix host")


class Run(Struct, frozen=True):
    """One run for its command.

    title: what is tested. subject: the same in plain values. replay: the options that name it.
    matrix: makes the report, and calls on_arm and on_result meanwhile. words: the command's.
    """

    title: str
    subject: Mapping[str, Any]
    replay: Sequence[str]
    matrix: Callable[[Callable[[ArmResult], None], Callable[[ArmResult, Outcome], None]], Report]
    words: Sequence[str] = SUITE


def carry_out(
    suite: Suite,
    wanted: Wanted,
    load: Callable[[], Sequence[C]],
    prepare: Callable[[Sequence[C]], Run],
) -> int:
    """Do what the command was asked for; return its exit status.

    prepare: makes the run of the vectors that are chosen. Whatever is wrong with the options is
    told before anything runs.
    """
    with usage_errors():
        vectors = load()
        standing = load_standing(vectors, suite.of, wanted.revision, wanted.known)
        chosen = select(vectors, wanted.group, wanted.vector)
        _check(wanted)
        if wanted.lists:
            return _list(wanted, chosen, standing)
        run = prepare(chosen)
        make_folder(wanted.capsules)
        report = _run(suite, wanted, standing, len(chosen), run)
    return 0 if report.ok else EXIT_ERROR


@contextmanager
def usage_errors() -> Iterator[None]:
    """Exit with EXIT_USAGE for wrong options, and for files that cannot be read or written.

    So a status of EXIT_ERROR says that what was tested has failed.
    """
    try:
        yield
    except BrokenPipeError:  # who reads no further has what it wants
        raise
    except UsageError as error:
        tell_error(str(error))
        raise SystemExit(EXIT_USAGE) from None
    except OSError as error:
        where = "stdout" if error.filename is None else os.fsdecode(error.filename)
        tell_error(f"{where}: {(error.strerror or str(error)).lower()}")
        raise SystemExit(EXIT_USAGE) from None


def _check(wanted: Wanted) -> None:
    if wanted.what is not None and not wanted.lists:
        hint = "; --json prints, and --json-file FILE writes" if wanted.as_json else ""
        raise UsageError(f"unexpected argument: {quote(wanted.what)}{hint}")
    if wanted.what not in (None, VECTORS, GROUPS):
        raise UsageError(f"--list: expected {VECTORS} or {GROUPS}, got {quote(wanted.what or '')}")
    if wanted.badge is not None and not wanted.whole:
        raise UsageError("--badge: a level is told by all vectors; leave --group and --vector out")
    check_writable(wanted.json_file, wanted.junit, wanted.markdown, wanted.badge)


def _list(wanted: Wanted, vectors: Sequence[Case], standing: Standing) -> int:
    what = wanted.what or VECTORS
    if wanted.as_json:
        print(json.encode(listed(what, vectors, standing)).decode())
        return 0
    for line in lines(what, vectors, standing):
        print(line)
    return 0


def _run(suite: Suite, wanted: Wanted, standing: Standing, count: int, run: Run) -> Report:
    again = ["--revision", wanted.revision] if wanted.revision else []
    run = replace(run, replay=[*run.replay, *again], words=suite.words)
    with json_lines(wanted, count, standing.revision) as formats:
        teller = Teller(run, wanted, standing, formats)
        report = standing.judged(run.matrix(teller.arm, teller.outcome))
        for each in formats:
            each.end(report)
    if wanted.junit is not None:
        write_junit(wanted.junit, report)
    if wanted.markdown is not None:
        text = markdown(
            report, run.title, standing.revision, run.replay, run.words, whole=wanted.whole
        )
        write_file(wanted.markdown, text)
    if wanted.badge is not None:
        write_file(wanted.badge, badge(report, suite.badge, standing.revision))
    for line in summary(report, whole=wanted.whole, path=standing.path):
        print_text(line, err=wanted.as_json)
    return report


class Teller:
    """Tells what ends as it ends: to the person, to the writers of lines, and in capsules."""

    def __init__(
        self, run: Run, wanted: Wanted, standing: Standing, formats: Sequence[JsonLines]
    ) -> None:
        self._run, self._wanted = run, wanted
        self._standing, self._formats = standing, formats
        self._told: set[str] = set()
        self._out = sys.stderr if wanted.as_json else sys.stdout  # a backend here may get another
        self._capsules: Capsules | None = None
        if wanted.capsules is not None:
            self._capsules = Capsules(wanted.capsules, run.subject, run.replay, run.words)

    def outcome(self, arm: ArmResult, outcome: Outcome) -> None:
        """A vector has ended."""
        self._standing.mark(arm, outcome)
        for each in self._formats:
            each.outcome(arm, outcome)
        text = outcome_text(arm, outcome, self._run.replay, self._run.words)
        if outcome.status in BAD and text not in self._told:  # of what is not tried, once
            self._told.add(text)
            self._print(text)
            if self._capsules is not None:
                self._capsules.write(arm, outcome)
        elif self._wanted.verbose:
            self._print(outcome_line(arm, outcome))
        outcome.captured = None  # a run may have many

    def arm(self, arm: ArmResult) -> None:
        """All vectors of an arm have ended."""
        for line in totals_lines(arm):
            self._print(line)

    def _print(self, text: str) -> None:
        _print_on(self._out, text)


@contextmanager
def json_lines(wanted: Wanted, count: int, revision: str) -> Iterator[list[JsonLines]]:
    """Writers of JSON Lines, for stdout and for a file."""
    with json_files(wanted) as files:
        yield [JsonLines(f, count, revision, whole=wanted.whole) for f in files]


@contextmanager
def json_files(wanted: Wanted) -> Iterator[list[BinaryIO]]:
    """Where JSON goes: stdout for --json, the file of --json-file."""
    with ExitStack() as stack:
        files: list[BinaryIO] = []
        if wanted.as_json:
            sys.stdout.flush()
            files.append(cast("BinaryIO", sys.stdout.buffer))
        if wanted.json_file is not None:
            files.append(stack.enter_context(open_to_write(wanted.json_file)))
        yield files


def print_text(text: str, *, err: bool) -> None:
    """Print what may hold a plugin's own words. err: on stderr, as stdout has the JSON."""
    _print_on(sys.stderr if err else sys.stdout, text)


def _print_on(file: TextIO, text: str) -> None:
    file.write(f"{clean(text, keep_lines=True)}\n")  # at once: a signal leaves no part of a line
    file.flush()
