"""Measures the table of languages and writes it.

    python -m bench.languages [--blocks 20] [--seed N] [--out evidence/languages] [--no-vectors]
        [--plugin ID ...]
    python -m bench.languages --lines

Build first: `make programs`. What is not there is "not run" in its cell. The first block does not
count: it fills caches. --lines prints what the README of each plugin says of its lines.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec

from bench.languages import count, lives
from bench.languages.lives import Life, Memory
from bench.languages.table import Languages, Measured, Row, Vectors, markdown
from bench.paired import ROOT, own_python_first
from transportlab.conformance.result import BAD, Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.errors import LabError
from transportlab.evidence.arms import FAULTS, Catalogue, Plugin, Program, load_arms
from transportlab.evidence.record import Arm
from transportlab.evidence.run import machine
from transportlab.evidence.run.progress import progress
from transportlab.registry import load_transport

OUT = ROOT / "evidence" / "languages"

LOOKS = 5
"""Lives in which memory is looked at. It hardly differs between them."""

T = TypeVar("T")


def arms_of(known: Catalogue, plugins: Sequence[str]) -> list[Arm]:
    """The arms of the table, each with its transport's usual codec, runnable or not."""
    found: dict[tuple[str, str, str], Arm] = {}
    for arm in known.arms():
        wire = load_transport(arm.transport).traits.wire
        if wire and (not plugins or arm.plugin in plugins):
            found.setdefault((arm.host, arm.plugin, arm.transport), arm)
    return list(found.values())


def measure(
    takes: Mapping[str, Callable[[], T]], blocks: int, seed: int
) -> tuple[dict[str, tuple[T, ...]], dict[str, str]]:
    """One of each in each block, in random order, after one block that does not count.

    Also why each fails that has failed once; it has no values.
    """
    draw = Random(seed)
    found: dict[str, list[T]] = {name: [] for name in takes}
    failed: dict[str, str] = {}
    with progress(["block"] * (blocks + 1)) as tell:
        for number in range(blocks + 1):
            tell(f"block {number}")
            for name in draw.sample(list(takes), len(takes)):
                if name in failed:
                    continue
                try:
                    one = takes[name]()
                except (LabError, RuntimeError) as error:
                    failed[name] = machine.without_places(f"failed: {error}")
                    continue
                if number:
                    found[name].append(one)
    return {name: tuple(own) for name, own in found.items() if name not in failed}, failed


def vectors(plugin: Plugin, arm: Arm, *, own: bool) -> Vectors:
    """The conformance suite on an arm."""
    features = {"fresh-store"} | ({"faults"} if FAULTS in plugin.offers else set())
    subject = Subject(plugin.path, plugin.config, frozenset(features), faulty="", reference=False)
    report = run_matrix(
        [arm.transport], subject=Subject() if own else subject, options=Options(codec=arm.codec)
    )
    totals = report.arms[0].totals()
    return Vectors(totals[Status.PASS], sum(totals[status] for status in BAD))


def rows(known: Catalogue, arms: Sequence[Arm], measured: dict[str, Measured]) -> list[Row]:
    """The rows without their vectors: the arms of one plugin over one transport together."""
    found = []
    for plugin, transport in dict.fromkeys((arm.plugin, arm.transport) for arm in arms):
        own = {arm.host: arm for arm in arms if (arm.plugin, arm.transport) == (plugin, transport)}
        told = known.plugin(plugin)
        found.append(
            Row(
                id=f"{plugin}/{transport}",
                plugin=told.title,
                transport=transport,
                codec=next(iter(own.values())).codec,
                role=told.role,
                lines=count.parts(told, transport),
                size=count.size(told, transport),
                vectors=Vectors(not_run="--no-vectors"),
                hosts={
                    host.id: measured[own[host.id].id]
                    if host.id in own
                    else Measured(not_run=f"the host has no {transport}")
                    for host in known.hosts
                    if not host.another
                },
            )
        )
    return found


def with_vectors(known: Catalogue, found: Sequence[Row], arms: Sequence[Arm]) -> list[Row]:
    """The rows with their vectors."""
    made = []
    for row in found:
        name, _, transport = row.id.partition("/")
        plugin = known.plugin(name)
        arm = next(a for a in arms if (a.plugin, a.transport) == (name, transport))
        reason = plugin.missing() if row.role == "candidate" else "no candidate"
        passed = (
            Vectors(not_run=reason)
            if reason
            else vectors(plugin, arm, own=plugin == known.plugins[0])
        )
        print(f"{row.id}: {passed}", file=sys.stderr)
        made.append(msgspec.structs.replace(row, vectors=passed))
    return made


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser("bench.languages", description="Plugins by language.")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plugin", action="append", default=[], help="only this one, by its id")
    parser.add_argument("--no-vectors", action="store_true", help="leave out the suite")
    parser.add_argument("--lines", action="store_true", help="count lines, and nothing else")
    parser.add_argument("--out", type=Path, default=OUT, help="write to this name, .json and .md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, and write both files."""
    given = options(arguments)
    known = load_arms()
    if given.lines:
        for plugin in known.plugins:
            if plugin.parts is not None and count.lines(plugin.parts.store):
                print(f"{plugin.id}: {count.sentence(plugin)}")
        return 0
    own_python_first()
    arms = arms_of(known, given.plugin)
    pairs: Sequence[Program] = () if given.plugin else known.pairs
    reasons = {arm.id: lives.unfit(known, arm) for arm in arms}
    reasons |= {one.id: one.missing() for one in pairs}
    runnable = [arm for arm in arms if not reasons[arm.id]]
    together = [one for one in pairs if not reasons[one.id]]
    looks: dict[str, Callable[[], Memory]] = {
        arm.id: partial(lives.memory, known, arm) for arm in arms if lives.shows_memory(known, arm)
    }
    looks |= {one.id: partial(lives.memory_of_pair, one) for one in together}
    memories, _ = measure(looks, min(LOOKS, given.blocks), given.seed)
    takes: dict[str, Callable[[], Life]] = {
        arm.id: partial(lives.live, known, arm) for arm in runnable
    }
    takes |= {one.id: partial(lives.pair, one) for one in together}
    found, failed = measure(takes, given.blocks, given.seed)
    measured = {
        name: Measured(
            found.get(name, ()), (reasons | failed).get(name, ""), memories.get(name, ())
        )
        for name in reasons
    }
    made = rows(known, arms, measured)
    facts = machine.facts()
    result = Languages(
        format=1,
        measured=datetime.now(UTC).date().isoformat(),
        blocks=given.blocks,
        seed=given.seed,
        commit=machine.commit()[0],
        facts={
            "CPU": facts["cpu"]["model"],
            "CPUs": len(facts["topology"]["available"]),
            "kernel": facts["kernel"],
            "Python": facts["python"]["version"],
        },
        hosts={host.id: host.title for host in known.hosts if not host.another},
        rows=tuple(made if given.no_vectors else with_vectors(known, made, arms)),
        pairs={one.title: measured[one.id] for one in pairs},
    )
    given.out.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    text = markdown(result)
    given.out.with_suffix(".md").write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
