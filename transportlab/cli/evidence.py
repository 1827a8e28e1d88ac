"""`transportlab evidence`, `report` and `reproduce`: measure, and read what was measured."""

import shlex
from pathlib import Path

from transportlab.cli.errors import guarded
from transportlab.cli.out import open_out, tell, tell_error
from transportlab.cli.parser import at_least, command, flag, option, repeated
from transportlab.cli.streams import EXIT_ERROR
from transportlab.data import RUNS
from transportlab.errors import UsageError

# The modules of transportlab.evidence are imported where they are used: numpy and matplotlib take a
# while, which no other command should wait for.

EXIT_BUSY = 3
"""As the gate's: this machine cannot tell."""

OWN = Path("out/evidence.json")


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
        help="Write this file (%(default)s by default).",
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
) -> None:
    """Measure every transport and write a file of evidence.

    The file is written after each block, so an interrupted run can be resumed. What is not run here
    is told before anything is measured, and stands in the file.
    """
    try:
        with guarded():
            from transportlab.evidence.run.runner import EvidenceRun, Options

            options = Options(profile, out, seed, tuple(suite), resume, tuple(arm), force)
            run = EvidenceRun(options)
            for gap in run.evidence.not_run:
                tell(f"not run: {gap.what}: {gap.why}")
            run.go()
    except KeyboardInterrupt:
        words = ["transportlab", "evidence", "--profile", profile, "--out", str(out), "--resume"]
        words += [word for name in suite for word in ("--suite", name)]
        words += [word for name in arm for word in ("--arm", name)]
        tell(f"to resume: {shlex.join(words)}")
        raise
    print(f"evidence: {out}")


@command(
    option("files", type=Path, nargs="+", metavar="FILE...", help="Evidence files."),
    option(
        "--out",
        type=Path,
        default=Path("out"),
        metavar="PATH",
        help="A .md file to write, or a folder for REPORT.md (%(default)s by default).",
    ),
)
def report(*, files: list[Path], out: Path) -> None:
    """Write REPORT.md and its figures from evidence files."""
    with guarded():
        from transportlab.evidence.report.document import write

        print(f"report: {write(files, out)}")


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
)
def reproduce(*, file: Path, against: list[Path]) -> int:
    """Judge every claim by your own run, beside the committed evidence.

    Exits with 1 if a claim holds in one and is contradicted in the other, but with 3 if your
    machine was too busy to tell.
    """
    with guarded():
        from transportlab.evidence.analysis.claims import Outcome, judge, load_claims, outcome
        from transportlab.evidence.analysis.compare import Measured, busy
        from transportlab.evidence.record import merge
        from transportlab.evidence.report.formatting import digits, ratio

        theirs = against or sorted(RUNS.glob("*.json"))
        if not theirs:
            raise UsageError(f"no committed evidence in {RUNS}; give --against")
        if not file.exists():
            raise UsageError(f"{file}: no such file; `transportlab evidence --out {file}` makes it")
        claims = load_claims()
        runs = [merge([file]), merge(theirs)]
        own, committed = (judge(claims, Measured(run)) for run in runs)
        outcomes = [outcome(one, other) for one, other in zip(own, committed, strict=True)]
        _show(
            [
                (
                    one.claim.id,
                    f"{one.claim.comparison} {digits(one.claim.bound)}",
                    f"{one.verdict}: {ratio(one.found)}",
                    f"{other.verdict}: {ratio(other.found)}",
                    f"{one.claim.tolerance:g}",
                    found,
                )
                for one, other, found in zip(own, committed, outcomes, strict=True)
            ],
            {name: outcomes.count(name) for name in Outcome if name in outcomes},
        )
    if Outcome.OPPOSITE not in outcomes:
        return 0
    why = busy(runs[0])
    if not why:
        return EXIT_ERROR
    tell_error(f"{file}: {why}: it contradicts nothing; measure again on a quiet machine")
    return EXIT_BUSY


def _show(rows: list[tuple[str, ...]], counts: dict[str, int]) -> None:
    """Print a line for each claim, and how often there was each outcome."""
    out = open_out()
    head = ("CLAIM", "BOUND", "OWN RUN", "COMMITTED", "TOLERANCE", "OUTCOME")
    out.table(head, rows)
    out.print(", ".join(f"{count} {name}" for name, count in counts.items()))
