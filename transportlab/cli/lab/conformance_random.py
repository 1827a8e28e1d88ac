"""Random sequences as options of `transportlab conformance`: what they say, and what is told."""

import secrets
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import structs

from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.cli.config import Configuration
from transportlab.cli.errors import check_writable
from transportlab.cli.lab.suite import Wanted, json_lines, print_text, usage_errors
from transportlab.cli.parser import at_least, option
from transportlab.cli.streams import EXIT_ERROR
from transportlab.conformance.capsule import make_folder
from transportlab.conformance.ending import with_texts
from transportlab.conformance.random.capsule import Capsule, Failed, load_capsule
from transportlab.conformance.random.search import Finding, Search, describe, run_random
from transportlab.conformance.report import (
    PROGRAM,
    SUITE,
    JsonLines,
    counted,
    encodable,
    totals_lines,
    write_junit,
)
from transportlab.conformance.result import Report
from transportlab.conformance.subject import Subject
from transportlab.errors import UsageError
from transportlab.registry import lacks

SEEDS = 2**32

PROGRESS_SECONDS = 5.0
"""How often a run says on stderr how far it is."""

RANDOM = (
    option(
        "--random",
        dest="sequences",
        type=at_least(1, int),
        metavar="N",
        help="Instead of the vectors, try N random sequences of operations, each on all transports"
        " at once, and keep one that fails as a capsule. Needs hypothesis.",
    ),
    option(
        "--seed",
        type=at_least(0, int),
        metavar="S",
        help="Draw the sequences of this number; a run without it tells which it took.",
    ),
    option(
        "--replay",
        type=Path,
        metavar="FILE",
        help="Instead of the vectors, play the sequence of a capsule of --random again.",
    ),
)


class Chance(msgspec.Struct, frozen=True):
    """The values of RANDOM, and of what else concerns sequences.

    others: whether an option is given that is for vectors alone.
    """

    sequences: float | None
    seed: float | None
    replay: Path | None
    codec: str | None
    seconds: float
    others: bool

    def __bool__(self) -> bool:
        """Whether any of RANDOM is given."""
        return any(each is not None for each in (self.sequences, self.seed, self.replay))

    def search(self) -> Search:
        """What to look for. Raises UsageError."""
        if self.replay is not None:
            if self.sequences is not None or self.seed is not None:
                problem = "--replay plays the sequence of its file"
                raise UsageError(f"{problem}; leave out --random and --seed")
            steps = load_capsule(self.replay).steps
            return Search(seconds=self.seconds, codec=self.codec, steps=steps)
        if self.sequences is None:
            raise UsageError("--seed goes with --random")
        if lacks("hypothesis"):
            how = "pip install 'transportlab[random]'"
            raise UsageError(f"--random: hypothesis is not installed; {how}")
        seed = secrets.randbelow(SEEDS) if self.seed is None else int(self.seed)
        return Search(int(self.sequences), seed, self.seconds, self.codec)


class Asked(msgspec.Struct, frozen=True):
    """A run of sequences. given: the options that name the subject again."""

    search: Search
    folder: Path
    replay: Path | None
    subject: Subject
    given: Sequence[str]

    def path(self, finding: Finding) -> Path:
        """Where the capsule of a finding is."""
        return self.replay or self.folder / f"random-{finding.arm.name}.json"


def run_chance(
    chance: Chance,
    wanted: Wanted,
    transports: Sequence[str],
    prepare: Callable[[], tuple[Subject, Configuration, list[str]]],
) -> int:
    """Run sequences, and tell what is found; return the exit status.

    prepare: makes the subject, its configuration and the options that name it.
    """
    with usage_errors():
        _check(chance, wanted)
        subject, config, given = prepare()
        folder = wanted.capsules or Path()
        asked = Asked(chance.search(), folder, chance.replay, subject, given)
        make_folder(wanted.capsules)
        revision = str(max(PROTOCOL_VERSIONS))
        with config.hidden(), json_lines(wanted, 1, revision) as formats:
            report = _run(asked, transports, formats, err=wanted.as_json)
            for each in formats:
                each.end(report)
        if wanted.junit is not None:
            write_junit(wanted.junit, report)
    return 0 if report.ok else EXIT_ERROR


def _check(chance: Chance, wanted: Wanted) -> None:
    """Refuse what only vectors have."""
    choosing = wanted.group or wanted.vector or wanted.lists or wanted.what
    judging = wanted.known or wanted.revision or wanted.markdown or wanted.badge
    if choosing or judging or chance.others:
        problem = "sequences are no vectors: of the options for what is run and told, only"
        raise UsageError(f"{problem} --json, --json-file, --junit and --capsules go with them")
    check_writable(wanted.json_file, wanted.junit)


def _run(
    asked: Asked, transports: Sequence[str], formats: Sequence[JsonLines], *, err: bool
) -> Report:
    search = structs.replace(asked.search, on_sequence=_progress(asked.search.sequences))
    report, findings = run_random(transports, asked.subject, search)
    for finding in findings:
        capsule = _capsule(finding, asked)
        if asked.replay is None:
            capsule.write(asked.path(finding))
        print_text(_text(finding, asked, capsule), err=err)
    for arm in report.arms:
        for line in totals_lines(arm):
            print_text(line, err=err)
        for each in formats:
            for outcome in arm.outcomes:
                each.outcome(arm, outcome)
    print_text(f"{'OK' if report.ok else 'FAILED'}: {_what(asked)}", err=err)
    return report


def _progress(sequences: int) -> Callable[[int], None]:
    """What tells now and then how many sequences have begun, and that what failed is shrunk."""
    stderr = sys.stderr  # a backend in this process has its own meanwhile
    told = time.monotonic()

    def tell(number: int) -> None:
        nonlocal told
        if time.monotonic() - told < PROGRESS_SECONDS:
            return
        told = time.monotonic()
        more = "" if number <= sequences else ", and more to make what failed shorter"
        stderr.write(f"{min(number, sequences)} of {sequences} sequences{more}\n")
        stderr.flush()

    return tell


def _what(asked: Asked) -> str:
    if asked.replay is not None:
        return f"the sequence of {asked.replay}"
    return f"{asked.search.sequences} sequences of seed {asked.search.seed}"


def _capsule(finding: Finding, asked: Asked) -> Capsule:
    arm, subject = finding.arm, asked.subject
    words = ["--transport", arm.transport.name, "--codec", arm.codec, *asked.given]
    if finding.again:
        words += ["--replay", str(asked.path(finding))]
    else:
        words += ["--random", str(asked.search.sequences), "--seed", str(asked.search.seed)]
    problem = encodable(finding.problem())
    return Capsule(
        replay=shlex.join([*PROGRAM, *SUITE, *words]),
        plugin=subject.plugin,
        transport=arm.transport.name,
        codec=arm.codec,
        config=subject.config,
        offers=sorted(subject.offers),
        seed=asked.search.seed,
        sequence=finding.sequence,
        failed=Failed(finding.number, problem, finding.trouble.clauses),
        again=finding.again,
        steps=tuple(finding.steps),
        calls=with_texts(list(finding.calls), encodable),
        stderr=[encodable(line) for line in finding.stderr],
    )


def _text(finding: Finding, asked: Asked, capsule: Capsule) -> str:
    """A failure for people: the steps, what went wrong, and the command that plays it again."""
    count = len(finding.steps)
    clauses = f" [{finding.trouble.clauses}]" if finding.trouble.clauses else ""
    lines = [f"FAIL {finding.arm.name} random-sequences{clauses}"]
    if finding.sequence:
        which = f"sequence {finding.sequence} of seed {asked.search.seed}"
        lines.append(f"  {which}, shrunk to {counted(count, 'step')}:")
    lines += [f"    {n}. {describe(step)}" for n, step in enumerate(finding.steps, 1)]
    lines.append(f"  step {finding.number}: {capsule.failed.problem}")
    if not finding.again:
        lines.append("  it did not fail again in a fresh session of one arm alone")
    if asked.replay is None:
        lines.append(f"  capsule: {asked.path(finding)}")
    lines.append(f"  replay: {capsule.replay}")
    return "\n".join(lines)
