"""Runs vectors over arms, and returns a Report.

An arm is one transport with one codec; arm.py has how it carries out a vector.

Vectors run at once (Options.jobs; see crew.py), on one arm and on several, as far as they share
nothing:

- Vectors of arms in this process run one by one: its stderr is redirected, and its libraries, its
  signals and its environment are one for all.
- Vectors that share a plugin's process run one by one, in their order.
- In a store that is not fresh, a vector does not run on two arms at once, as its apps are the same.
- With a transcript (capsules), an arm's vectors run one by one; with trace or a plugin that is
  attached, all do.

How busy the machine is decides no vector: one that fails beside others, and may do so because a
bound or a deadline ran out or because of what others did to a store, is run once more, alone, and
that decides.

When a vector and all before it have ended, its Outcome is added to the arm's result and passed to
on_result; after the last one the result is passed to on_arm. All this happens in the thread that
called. So if the run crashes, what was passed on is not lost. An exception there, as by Ctrl-C,
ends what runs, and its plugins. When all arms are done, the oracle (oracle.py) compares them.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import islice

from transportlab.conformance.arm import Arm, Options
from transportlab.conformance.crew import Crew
from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import Report
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.context import Cancellation
from transportlab.errors import UsageError
from transportlab.registry import load_transport, transport_names

__all__ = ["Options", "arms_of", "cpus", "run_matrix"]


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def run_matrix(
    transports: Sequence[str] | None = None,
    vectors: Sequence[Vector] | None = None,
    subject: Subject | None = None,
    options: Options | None = None,
) -> Report:
    """Run the vectors over every arm of the transports. What is None stands for all, or the usual.

    Raises UsageError for an unknown transport, and if there is no vector or no arm.
    """
    vectors = load_vectors() if vectors is None else vectors
    if not vectors:
        raise UsageError("no vector is selected")
    options, subject = options or Options(), subject or Subject()
    stop = Cancellation()
    arms = arms_of(transports or transport_names(), subject, options, stop)
    taken = [(arm, vector) for arm in arms for vector in vectors if arm.takes(vector)]
    tasks = [arm.task(vector) for arm, vector in taken]
    jobs = 1 if options.trace is not None or subject.attached is not None else options.jobs
    with ExitStack() as undo:
        for arm in arms:
            undo.callback(arm.close)
        outcomes = undo.enter_context(closing(Crew(tasks, jobs, stop).results()))
        for arm in arms:
            for outcome in islice(outcomes, sum(each is arm for each, _ in taken)):
                arm.told(outcome)
            if options.on_arm is not None:
                options.on_arm(arm.result)
    results = [arm.result for arm in arms]
    return Report(tuple(vectors), tuple(results), disagreements(results))


def arms_of(
    transports: Sequence[str], subject: Subject, options: Options, stop: Cancellation | None = None
) -> "list[Arm]":
    """The arms of these transports. Raises UsageError for an unknown one, and if there is none.

    stop: ends what they run.
    """
    stop = stop or Cancellation()
    arms = []
    for transport in map(load_transport, transports):
        codecs = [c for c in transport.traits.codecs if options.codec in (None, c)]
        arms += [Arm(transport, codec, subject, stop, options) for codec in codecs]
    if not arms:
        raise UsageError(f'no transport among those has the codec "{options.codec}"')
    return arms
