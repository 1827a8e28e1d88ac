"""The conformance suite as a command: `transportlab conformance`."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from transportlab.cli.config import (
    CONFIG,
    ENVIRONMENT,
    FILE,
    PLAIN,
    Configuration,
    configuration,
)
from transportlab.cli.lab.conformance_mutants import MutantArguments, show_mutants
from transportlab.cli.lab.conformance_random import RANDOM, Chance, run_chance
from transportlab.cli.lab.suite import OPTIONS, PLUGINS, Run, Wanted, carry_out
from transportlab.cli.out import tell
from transportlab.cli.parser import at_least, command, flag, option, repeated
from transportlab.conformance.attach import NAME, PATIENCE, Author, attach, attachable
from transportlab.conformance.capsule import file_sum
from transportlab.conformance.result import ArmResult, Outcome, Report
from transportlab.conformance.runner import Options, cpus, run_matrix
from transportlab.conformance.subject import Subject, path_of, subject_of
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.errors import UsageError
from transportlab.quote import clean

TIMEOUT = 10.0
"""Seconds that a vector may take, unless told otherwise."""

MOST_JOBS = 16
"""How many vectors run at once at most, unless told otherwise: each has processes and sockets."""


@command(
    repeated("--transport", metavar="NAME", help="Only this one; may be repeated."),
    option("--codec", metavar="NAME", help="Only this encoding."),
    option(
        "--plugin",
        metavar="PATH",
        help="Test this plugin, a path or a name, instead of the lab's.",
    ),
    flag("--attach", dest="attaches", help="Test one that you start, as under a debugger."),
    *CONFIG,
    repeated(
        "--offers",
        metavar="FEATURE",
        help="A feature that the plugin has: crontab-file, faults or fresh-store.",
    ),
    option(
        "--timeout",
        type=at_least(0.1),
        default=TIMEOUT,
        metavar="SECONDS",
        help="How long a vector may take, or a call of a sequence (%(default)s by default).",
    ),
    option(
        "--patience",
        type=at_least(0),
        default=0.0,
        metavar="SECONDS",
        help="The least that the suite waits for anything, as for a plugin under a debugger.",
    ),
    option(
        "--jobs",
        type=at_least(1, int),
        metavar="N",
        help="How many vectors run at once, on one arm and on several (two for each CPU by"
        f" default, and at most {MOST_JOBS}). --trace and --attach run one.",
    ),
    flag("--trace", help="Show on stderr what passes on the wire, as it happens."),
    flag(
        "--mutants",
        help="Test the vectors: build plugins with a fault each, those of a file or folder that is"
        " named or the project's, and show what finds it.",
    ),
    *OPTIONS,
    *RANDOM,
)
def conformance(  # noqa: PLR0913  # one parameter an option
    *,
    transport: list[str],
    codec: str | None,
    plugin: str | None,
    attaches: bool,
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    offers: list[str],
    timeout: float,
    patience: float,
    jobs: float | None,
    trace: bool,
    mutants: bool,
    sequences: float | None,
    seed: float | None,
    replay: Path | None,
    **wanted: Any,
) -> int:
    """Test a plugin against the protocol on every transport; without --plugin, the lab's own.

    Exits with 0 if something passed and nothing failed, 1 otherwise, 2 for a wrong option or no
    vector.
    """
    asked = Wanted(**wanted)
    if mutants:
        others: list[object] = [codec, plugin, attaches, backend_config, backend_config_file]
        others += [backend_config_env, sequences, seed, replay]
        return show_mutants(
            MutantArguments(asked, transport, timeout, [*others, offers, patience, trace, jobs])
        )
    chance = Chance(
        sequences,
        seed,
        replay,
        codec,
        max(timeout, patience),
        others=attaches or trace or jobs is not None,
    )

    def played() -> tuple[Subject, Configuration, list[str]]:
        config = configuration(backend_config, backend_config_file, backend_config_env)
        given = {PLAIN: backend_config, FILE: backend_config_file, ENVIRONMENT: backend_config_env}
        subject = _subject(plugin, config, offers, attaches=False)
        return subject, config, _replay(plugin, {**given, "--offers": offers})

    if chance:
        return run_chance(chance, asked, transport, played)

    def prepare(chosen: Sequence[Vector]) -> Run:
        config = configuration(backend_config, backend_config_file, backend_config_env)
        subject = replace(_subject(plugin, config, offers, attaches=attaches), patience=patience)
        if attaches and asked.badge is not None:
            raise UsageError("--badge: a plugin that is attached cannot be held to all vectors")
        # One arm is attached to, so the codec has to be known.
        used = attachable(transport, codec)[1] if attaches else codec
        given = {PLAIN: backend_config, FILE: backend_config_file, ENVIRONMENT: backend_config_env}
        bounds = {
            "--timeout": [] if timeout == TIMEOUT else [f"{timeout:g}"],
            "--patience": [f"{patience:g}"] if patience else [],
        }
        stderr = sys.stderr  # a backend in this process has its own meanwhile

        def show(line: str) -> None:
            print(clean(line), file=stderr, flush=True)

        def matrix(
            on_arm: Callable[[ArmResult], None], on_result: Callable[[ArmResult, Outcome], None]
        ) -> Report:
            captures = asked.capsules is not None
            shown = show if trace else None
            at_once = min(2 * cpus(), MOST_JOBS) if jobs is None else int(jobs)
            options = Options(
                used, timeout, on_arm, on_result, captures=captures, trace=shown, jobs=at_once
            )
            with contextlib.ExitStack() as stack:
                tested = subject
                if attaches:
                    tested = stack.enter_context(_attached(subject, transport, codec, chosen))
                stack.enter_context(config.hidden())
                return run_matrix(transport or None, chosen, tested, options)

        return Run(
            title=plugin or (subject.plugin if attaches else "the lab's plugins"),
            subject=_described(subject, config),
            replay=_replay(plugin, {**given, "--offers": offers, **bounds})
            + ["--attach"] * attaches,
            matrix=matrix,
        )

    return carry_out(PLUGINS, asked, load_vectors, prepare)


def _subject(
    plugin: str | None, config: Configuration, offers: list[str], *, attaches: bool
) -> Subject:
    if plugin is None and not attaches:
        if config or offers:
            raise UsageError("--backend-config and --offers go with --plugin")
        return Subject()
    subject = subject_of(plugin or NAME, config.plain, config.secrets, offers)
    if plugin is not None:
        path_of(plugin)
    return subject


@contextlib.contextmanager
def _attached(
    subject: Subject, transports: list[str], codec: str | None, vectors: Sequence[Vector]
) -> Iterator[Subject]:
    """The subject as a process that its author starts now."""
    transport, codec = attachable(transports, codec)
    program = "./cronix-backend-mine" if subject.plugin == NAME else subject.plugin
    author = Author(program, tell, iter(sys.stdin.buffer.readline, b""))
    with attach(transport, codec, vectors, author) as attachment:
        yield replace(subject, attached=attachment, patience=PATIENCE)


def _described(subject: Subject, config: Configuration) -> dict[str, Any]:
    """The subject in plain values, for a capsule; a secret is its name in brackets."""
    described = {"plugin": subject.plugin, "reference": subject.reference}
    if not subject.reference and subject.plugin != NAME:
        described["sha256"] = file_sum(str(path_of(subject.plugin)))
    hidden = {name: f"[{name}]" for name in config.secrets}
    return described | {"config": {**subject.config, **hidden}, "offers": sorted(subject.offers)}


def _replay(plugin: str | None, given: Mapping[str, list[str]]) -> list[str]:
    """The options that name the same subject again; a secret is named by its place."""
    words = [] if plugin is None else ["--plugin", plugin]
    for name, values in given.items():
        for value in values:
            words += [name, value]
    return words
