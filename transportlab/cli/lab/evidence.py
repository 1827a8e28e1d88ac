"""`transportlab evidence`, `report`, `reproduce`, `compare`: measure, read what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING

from transportlab.cli.errors import check_writable, guarded
from transportlab.cli.options import JSON
from transportlab.cli.out import open_out, tell_error
from transportlab.cli.parser import at_least, command, flag, option, repeated
from transportlab.cli.streams import EXIT_ERROR
from transportlab.data import ANY_RUN, RUNS, write_file
from transportlab.errors import UsageError
from transportlab.quote import clean
from transportlab.words import explained

if TYPE_CHECKING:  # see below
    from transportlab.evidence.analysis.between import Between, Row

# The modules of transportlab.evidence are imported where they are used: numpy and matplotlib take a
# while, which no other command should wait for.

EXIT_UNDECIDED = 3
"""As the gate's: these runs, or this machine, cannot tell."""

OWN = Path("out/evidence.json")
OWN_MACHINES = Path("out/machines")


@command(
    option(
        "--profile",
        default="quick",
        metavar="NAME",
        help="quick or full (%(default)s by default).",
    ),
    option(
        "--out",
        type=Path,
        default=OWN,
        metavar="FILE",
        help="Write this file, compressed if it ends with .gz (%(default)s by default).",
    ),
    option(
        "--seed",
        type=at_least(0, int),
        metavar="N",
        help="Seed of the random order; a new one unless given.",
    ),
    repeated("--suite", metavar="NAME", help="Run this suite only; may be repeated."),
    repeated(
        "--arm",
        metavar="ARM",
        help="Measure this arm instead of the profile's, an id or"
        " name=NAME,plugin=PATH,transport=NAME[,codec=NAME][,host=NAME][,offers=store+faults]"
        '[,config.NAME=VALUE]; may be repeated. "all" stands for those of the profile.',
    ),
    flag("--resume", help="Continue the interrupted run in the file of --out."),
    flag("--force", help="Replace the file of --out if it is there."),
    option(
        "--dask",
        metavar="ADDRESS",
        help="Measure on the machines of this Dask scheduler's workers, tcp://HOST:PORT; --out is"
        " a folder then, with a file for each machine.",
    ),
    option(
        "--dask-wait",
        type=at_least(0),
        metavar="SECONDS",
        help="How long to wait for a worker that can measure (60 by default).",
    ),
    flag("--list", dest="lists", help="Show the profiles, suites and arms; measure nothing."),
)
def evidence(  # noqa: PLR0913  # one parameter an option
    *,
    profile: str,
    out: Path,
    seed: int | None,
    suite: list[str],
    arm: list[str],
    resume: bool,
    force: bool,
    dask: str | None,
    dask_wait: float | None,
    lists: bool,
) -> int:
    """Measure every transport and write a file of evidence.

    The file is written after each block, so an interrupted run can be resumed. What is not run here
    is told before anything is measured, and stands in the file. Exits with 1 if an arm failed in
    every block.

    With --dask, whatever machine is free measures the next block. Exits with 1 also if blocks are
    missing at the end, as no worker was left.
    """
    with guarded():
        from transportlab.cli.lab.measuring import here, on_machines
        from transportlab.evidence.run.runner import Options

        if lists:
            _list()
            return 0
        if dask is None and dask_wait is not None:
            raise UsageError("--dask-wait: goes with --dask")
        if dask is not None and force:
            raise UsageError("--force: --dask replaces no file; name another folder by --out")
        if force and out.exists() and RUNS in out.resolve().parents:
            raise UsageError(f"{out}: a run is kept; choose another name")
        if dask is not None and out == OWN:
            out = OWN_MACHINES
        options = Options(profile, out, seed, tuple(suite), resume, tuple(arm), force)
    return here(options) if dask is None else on_machines(options, dask, dask_wait)


def _list() -> None:
    """Print what can be measured: profiles, suites, and arms with what each lacks here."""
    from transportlab.evidence.arms import load_arms
    from transportlab.evidence.run.plan import PROFILES
    from transportlab.evidence.suites import SUITES, load_suite

    out = open_out()
    out.table(("PROFILE",), [(name,) for name in PROFILES])
    out.table(("SUITE", "QUESTION"), [(name, load_suite(name).QUESTION) for name in SUITES])
    catalogue = load_arms()
    found = {arm.id: catalogue.missing(arm) for arm in catalogue.arms()}
    out.table(("ARM", "NOT RUN HERE"), [(name, why or "-") for name, why in found.items()])
    for line in explained(["arm"]):
        out.print(line, "dim")


@command(
    option(
        "files",
        type=Path,
        nargs="*",
        metavar="[FILE...]",
        help="Evidence files; the committed ones unless given.",
    ),
    option(
        "--out",
        type=Path,
        metavar="PATH",
        help="A .md file to write, or a folder for REPORT.md (out by default).",
    ),
    option(
        "--html",
        type=Path,
        metavar="FILE",
        help="Write one page of HTML to FILE instead, which needs nothing beside it.",
    ),
)
def report(*, files: list[Path], out: Path | None, html: Path | None) -> None:
    """Write REPORT.md, report/suites.md and their figures from evidence files.

    All runs of one code count; those of other code are named and left out.
    """
    with guarded():
        if out and html:
            raise UsageError("--out and --html: choose one")
        check_writable(html)
        from transportlab.evidence.report.document import write, write_page

        paths = files or sorted(RUNS.glob(ANY_RUN))
        if not paths:
            raise UsageError(f"no committed evidence in {RUNS}; give a file of your own")
        if html:
            write_page(paths, html)
            print(f"page: {html}")
        else:
            print(f"report: {write(paths, out or Path('out'))}")


@command(
    option(
        "file",
        type=Path,
        nargs="?",
        default=OWN,
        metavar="[FILE]",
        help="The evidence of your own run (%(default)s by default).",
    ),
    repeated(
        "--against",
        type=Path,
        metavar="FILE",
        help="Compare with this evidence; the committed unless given.",
    ),
    flag("--list", dest="lists", help="Show the claims; judge nothing."),
)
def reproduce(*, file: Path, against: list[Path], lists: bool) -> int:
    """Judge every claim by your own run, beside the committed evidence.

    If that is of several machines, it is the evidence of the one that is most like yours.
    Exits with 0 if every claim on which both runs say something is reproduced, and one is; with 1
    if a claim holds in one and is contradicted in the other, or a file is not evidence; with 2 for
    a wrong command line; with 3 if it is undecided, also because your machine was too busy to tell.
    """
    with guarded():
        from transportlab.evidence.analysis.claims import Outcome, load_claims
        from transportlab.evidence.analysis.runs import read
        from transportlab.evidence.report.reproduction import HEAD, reproduction
        from transportlab.evidence.run.machine import source_digest

        if lists:
            open_out().table(
                ("CLAIM", "SENTENCE"), [(claim.id, claim.sentence) for claim in load_claims()]
            )
            return 0
        theirs = against or sorted(RUNS.glob(ANY_RUN))
        if not theirs:
            raise UsageError(f"no committed evidence in {RUNS}; give --against")
        if not file.exists():
            raise UsageError(f"{file}: no such file; `transportlab evidence --out {file}` makes it")
        own = read([file], source_digest()).groups[0]
        found = reproduction(own, read(theirs, source_digest()).like(own[0]))
        out = open_out()
        for machine in found.machines:
            out.print(machine)
        out.table(HEAD, found.rows)
        out.print("")
        for line in found.sentences:
            out.print(line)
        out.print("")
        for line in found.words:
            out.print(line, "dim")
        out.print("")
        out.print(found.counts)
    if Outcome.OPPOSITE not in found.outcomes:
        return EXIT_UNDECIDED if found.undecided else 0
    if not found.busy:
        return EXIT_ERROR
    tell_error(f"{file}: {found.busy}: it contradicts nothing; measure again on a quiet machine")
    return EXIT_UNDECIDED


@command(
    option("a", type=Path, metavar="A", help="An evidence file, or a folder of them."),
    option("b", type=Path, metavar="B", help="The other one."),
    option(
        "--over",
        metavar="ARM",
        help="Compare ratios to this arm, in which the speed of a machine cancels.",
    ),
    repeated("--suite", metavar="NAME", help="Compare this suite only; may be repeated."),
    repeated("--arm", metavar="ARM", help="Compare this arm only; may be repeated."),
    flag("--changed", help="Show only what is less or more."),
    option("--markdown", type=Path, metavar="FILE", help="Write a summary in Markdown."),
    option("--csv", type=Path, metavar="FILE", help="Write the figures as CSV."),
    JSON,
)
def compare(  # noqa: PLR0913  # one parameter an option
    *,
    a: Path,
    b: Path,
    over: str | None,
    suite: list[str],
    arm: list[str],
    changed: bool,
    markdown: Path | None,
    csv: Path | None,
    as_json: bool,
) -> None:
    """Compare two evidence files, or two folders of them, figure by figure.

    B over A, with a 95 % interval, by suite, arm and case; and what differs in machine, versions
    and commit. Of a folder all runs of the newest code on one machine count.
    """
    with guarded():
        check_writable(markdown, csv)
        from transportlab.evidence.analysis.between import Wanted, between
        from transportlab.evidence.report import comparison as shown
        from transportlab.evidence.report.config import load_settings

        one, other = shown.read_side("A", a), shown.read_side("B", b)
        wanted = Wanted(suite, arm, over or "")
        found = between(one, other, load_settings().margin, wanted)
        rows = shown.chosen(found, changed=changed)
        if markdown is not None:
            write_file(markdown, shown.as_markdown(found, rows))
        if csv is not None:
            write_file(csv, shown.as_csv(rows))
        if as_json:
            print(shown.as_json(found, rows).decode())
        else:
            _show(found, rows)


def _show(found: "Between", rows: "list[Row]") -> None:
    """Print tables for a person, and what their words mean."""
    from transportlab.evidence.report import comparison as shown

    out = open_out()
    for name, text in zip("AB", found.sets, strict=True):
        out.print(clean(f"{name}: {text}"))
    out.print("")
    if differing := shown.differing(found):
        out.table([name.upper() for name in shown.DIFFERING], differing)
        out.print("")
    if rows:
        cells = ([cell.replace("µ", "u") for cell in shown.cells(row)] for row in rows)
        out.table([name.upper() for name in shown.HEAD], cells)
        out.print("")
    for line in shown.notes(found, len(rows)):
        out.print(clean(line))
    out.print("")
    for line in shown.words(found):
        out.print(line, "dim")
