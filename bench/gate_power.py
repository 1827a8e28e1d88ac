"""Finds out how often the handshake gate is right: records pairs, and simulates it with them.

    python -m bench.gate_power [--seconds 360] [--rounds 400] [--seed N] [--out evidence/gate/power]
    python -m bench.gate_power --rates [--rounds 400] [--out evidence/gate/power]

It writes OUT.json.gz, the pairs with the machine and the commit, and OUT.md, the rates. With
--rates it reads the pairs that are there. Build first: `make programs`. The machine has to be idle.

The pairs are of unchanged builds: plugins in Go and in plain Python, and this package over gRPC.
A round takes a piece of the record that begins anywhere, draws by lot which start of a pair is the
head's, adds the delay to it, and lets the gate look until it has a verdict or 90 s are over.
"""

import argparse
import gzip
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from statistics import geometric_mean, median
from typing import Any

import msgspec

from bench.paired import ROOT, own_python_first
from transportlab import __version__
from transportlab.evidence.arms import Catalogue, load_arms
from transportlab.evidence.gate.decide import (
    Finding,
    Margins,
    Pairs,
    finding,
    looks,
    read,
)
from transportlab.evidence.gate.forms import rounded
from transportlab.evidence.gate.history import change_points
from transportlab.evidence.gate.measure import Clock, Recorder, Target, bare_spawn, interpreter
from transportlab.evidence.record import Arm
from transportlab.evidence.run import machine
from transportlab.host.discovery import find

OUT = ROOT / "evidence" / "gate" / "power"

FORMAT = 1

ARMS = {"python/go/grpc-protobuf": 0.2, "python/stdlib/jsonrpc-json": 0.25, "grpc-protobuf": 0.55}
"""What is recorded, and its part of the time: a pair over gRPC in Python takes longest."""

PIECE = 10
"""Pairs of an arm that are taken one after the other, as a gate takes them."""

DELAYS = (0, 5, 7, 10, 15, 20)
"""In percent of a start."""

LIMIT = 90.0
"""Seconds that a gate has for a transport unless it is given others."""

FIRST = 30
"""Pairs at its first look."""

HISTORIES, BUILDS, PAIRS_OF_A_BUILD = 400, 40, 60
STEPS = {15: 5.0, 25: 5.0}
"""Builds of a history that are slower by so many percent than the one before."""


class Recorded(msgspec.Struct, frozen=True):
    """The pairs of an arm, in order, and the seconds that taking them took."""

    arm: str
    title: str
    pairs: Pairs
    seconds: float


class Record(msgspec.Struct, frozen=True):
    """The file."""

    format: int
    measured: str
    version: str
    commit: str
    dirty: bool
    seed: int
    machine: Mapping[str, Any]
    load: tuple[Mapping[str, Any], ...]
    arms: tuple[Recorded, ...]


def arms_of(known: Catalogue) -> dict[str, tuple[str, Target]]:
    """A title and the target of each arm that runs here; tells of the others."""
    every = {arm.id: arm for arm in known.arms()}
    found = {}
    for name in ARMS:
        if why := known.missing(every[name]):
            print(f"not run: {name}: {why}", file=sys.stderr)
        else:
            found[name] = (_title(known, every[name]), _target(known, every[name]))
    return found


def _title(known: Catalogue, arm: Arm) -> str:
    return f"{known.plugin(arm.plugin).title}, {arm.transport}"


def _target(known: Catalogue, arm: Arm) -> Target:
    plugin = known.plugin(arm.plugin)
    path = find(plugin.path, library=False).path
    return Target(str(path), arm.transport, plugin.config)


def record(targets: Mapping[str, tuple[str, Target]], seconds: float, seed: int) -> Record:
    """Take pairs of all arms in turn, a piece at a time."""
    recorders = {}
    for name, (_, target) in targets.items():
        clocks: dict[str, Clock] = {"head": target.seconds, "base": target.seconds}
        clocks["control"] = partial(bare_spawn, interpreter(target.plugin))
        recorders[name] = Recorder(clocks, Random(f"{seed} {name}"))
        target.seconds()  # imports the host's side
    used = dict.fromkeys(recorders, 0.0)
    before, end = machine.load(), time.monotonic() + seconds
    told = 0.0
    while (left := end - time.monotonic()) > 0:
        name = min(used, key=lambda arm: used[arm] / ARMS[arm])
        begin = time.monotonic()
        for _ in range(PIECE):
            recorders[name].pair()
        used[name] += time.monotonic() - begin
        if time.monotonic() - told > PIECE:
            told = time.monotonic()
            counts = ", ".join(f"{arm} {len(recorders[arm])}" for arm in recorders)
            print(f"{counts} pairs; {left:.0f} s left", file=sys.stderr)
    commit, dirty = machine.commit()
    return Record(
        FORMAT,
        datetime.now(UTC).strftime("%Y-%m-%d"),
        __version__,
        commit,
        dirty,
        seed,
        machine.facts(),
        (before, machine.load()),
        tuple(
            Recorded(name, targets[name][0], rounded(one.pairs), round(used[name], 1))
            for name, one in recorders.items()
        ),
    )


# ---- rounds


class Round(msgspec.Struct, frozen=True):
    """What a gate found, and how many pairs it took."""

    finding: Finding
    pairs: int


def a_round(pairs: Pairs, most: int, margins: Margins | None = None) -> Round:
    """A gate with these pairs, which may take at most so many."""
    margins = margins or Margins()
    planned = [number for number in looks(FIRST) if number < most] + [min(most, looks(FIRST)[-1])]
    found = Finding.OPEN
    for number in planned:
        found = finding(read(_part(pairs, number), margins), margins)
        if found is not Finding.OPEN:
            break
    return Round(found, number)


def _part(pairs: Pairs, number: int) -> Pairs:
    took = msgspec.structs.asdict(pairs)
    return Pairs(**{name: times[:number] for name, times in took.items()})


def piece(pairs: Pairs, number: int, percent: float, chance: Random) -> Pairs:
    """So many pairs from anywhere, in order, with a delay of the head in percent of a start."""
    count = len(pairs.head)
    begin = chance.randrange(count)
    places = [(begin + n) % count for n in range(number)]
    swapped = [chance.random() < 0.5 for _ in places]
    more = median(pairs.base) * percent / 100
    both = [(pairs.head[p], pairs.base[p]) for p in places]
    return Pairs(
        tuple(pair[swap] + more for pair, swap in zip(both, swapped, strict=True)),
        tuple(pair[not swap] for pair, swap in zip(both, swapped, strict=True)),
        tuple(pairs.control[p] for p in places),
        tuple(pairs.again[p] for p in places),
    )


def within(recorded: Recorded, seconds: float = LIMIT) -> int:
    """How many pairs a gate has time for. No round takes one pair of the record twice."""
    count = len(recorded.pairs.head)
    return min(count, int(seconds / (recorded.seconds / count)))


def rounds(recorded: Recorded, percent: float, number: int, seed: int) -> list[Round]:
    """So many gates on builds that are slower by that."""
    chance = Random(f"{seed} {recorded.arm} {percent}")
    most = within(recorded)
    length = min(most, looks(FIRST)[-1])
    return [a_round(piece(recorded.pairs, length, percent, chance), most) for _ in range(number)]


class History(msgspec.Struct, frozen=True):
    """Where steps are found in a history, and by how many percent its end lies above its begin."""

    points: list[int]
    percent: float


def histories(recorded: Recorded, steps: Mapping[int, float], seed: int) -> Iterator[History]:
    """What is found in simulated histories with these steps."""
    chance = Random(f"{seed} {recorded.arm} history")
    for _ in range(HISTORIES):
        percent, levels = 0.0, []
        for build in range(BUILDS):
            percent = (1 + percent / 100) * (100 + steps.get(build, 0.0)) - 100
            taken = piece(recorded.pairs, PAIRS_OF_A_BUILD, percent, chance)
            levels.append(read(taken).ratio)
        points = change_points(levels)
        first, last = (
            (geometric_mean(part) for part in (levels[: points[0]], levels[points[-1] :]))
            if points
            else (1.0, 1.0)
        )
        yield History(points, 100 * (last / first - 1))


# ---- the table


def wilson(count: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a rate, in percent (Wilson 1927)."""
    z = 1.96
    rate, square = count / number, z * z / number
    centre = (rate + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(rate * (1 - rate) / number + square / number / 4)
    return 100 * max(0.0, centre - reach), 100 * min(1.0, centre + reach)


def markdown(found: Record, number: int) -> str:
    """The tables, with how they were made."""
    cpu = found.machine["cpu"]["model"]
    dirty = ", with changes" if found.dirty else ""
    lines = [
        "# How often the handshake gate is right",
        "",
        f"Simulated from pairs recorded on {found.measured} at commit {found.commit[:12]}{dirty},"
        f" on {cpu}, {found.machine['kernel']}, Python {found.machine['python']['version']}."
        " `python -m bench.gate_power` records and simulates, `--rates` only simulates;"
        " power.json.gz has the pairs. [The page](../../docs/handshake-gate.md) explains the gate.",
        "",
        _load(found),
        "",
        f"Each line is {number} rounds of a gate with its usual options, {LIMIT:g} s for a"
        " transport. A round is a piece of the record, with a delay added to the head's starts."
        " Rates have Wilson's 95 % interval.",
        "",
        "| plugin | pairs recorded | seconds a pair | slower by | fails | passes | undecided |"
        " seconds, median | at most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for recorded in found.arms:
        pace = recorded.seconds / len(recorded.pairs.head)
        for percent in DELAYS:
            done = rounds(recorded, percent, number, found.seed)
            counted = Counter(one.finding for one in done)
            order = (Finding.SLOWER, Finding.CLEAR, Finding.OPEN)
            rates = [_rate(counted[kind], number) for kind in order]
            took = sorted(one.pairs * pace for one in done)
            name = recorded.title if not percent else ""
            pairs, seconds = str(len(recorded.pairs.head)), f"{pace:.3f}"
            cells = [name, *((pairs, seconds) if not percent else ("", ""))]
            cells += [f"{percent} %", *rates, f"{median(took):.0f}", f"{took[-1]:.0f}"]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_history_lines(found)]
    return "\n".join(lines) + "\n"


def _load(found: Record) -> str:
    """What else the machine did, and whether that was too much."""
    before, after = (one["load1"] for one in found.load)
    told = f"The load was {before} before and {after} after."
    busy = max(before, after) > len(found.machine["topology"]["available"])
    return f"{told} **The machine was busy: this says nothing, record again.**" if busy else told


def _rate(count: int, number: int) -> str:
    low, high = wilson(count, number)
    return f"{100 * count / number:.1f} % [{low:.1f}, {high:.1f}]"


def _history_lines(found: Record) -> list[str]:
    told = " and ".join(f"+{step:g} % at build {build}" for build, step in STEPS.items())
    lines = [
        f"Histories of {BUILDS} builds of {PAIRS_OF_A_BUILD} pairs, {HISTORIES} of each kind, with"
        f" {told}, or without a step. A step is found if one is told within one build of it; any"
        " other that is told is false. A step by itself fails nothing: what steps add up to does."
        " How runs differ is not in one record.",
        "",
        "| plugin | both steps found | that fails | a false step beside them |"
        " a false step without any | that fails |",
        "|---|---|---|---|---|---|",
    ]
    fails = Margins().fail_above
    for recorded in found.arms:
        both = false = slower = 0
        for one in histories(recorded, STEPS, found.seed):
            near = {step for step in STEPS for point in one.points if abs(point - step) <= 1}
            both += len(near) == len(STEPS)
            false += len(one.points) > len(near)
            slower += one.percent > fails
        without = list(histories(recorded, {}, found.seed))
        none = sum(bool(one.points) for one in without)
        wrong = sum(one.percent > fails for one in without)
        rates = [_rate(count, HISTORIES) for count in (both, slower, false, none, wrong)]
        lines.append(f"| {recorded.title} | {' | '.join(rates)} |")
    return lines


def save(found: Record, path: Path) -> None:
    """Write the file, always with the same bytes."""
    path.write_bytes(gzip.compress(msgspec.json.encode(found), mtime=0))


def load(path: Path) -> Record:
    """Read it back."""
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=Record)


def main() -> int:
    """Record, simulate, and write both files."""
    parser = argparse.ArgumentParser("python -m bench.gate_power", description=__doc__)
    parser.add_argument("--seconds", type=float, default=360.0)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rates", action="store_true")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    samples = options.out.with_suffix(".json.gz")
    if not options.rates:
        own_python_first()
        targets = arms_of(load_arms())
        if not targets:
            parser.error("no arm runs here; `make programs` builds them")
        options.out.parent.mkdir(parents=True, exist_ok=True)
        save(record(targets, options.seconds, options.seed), samples)
    elif not samples.exists():
        parser.error(f"{samples}: no such file; without --rates it is made")
    table = options.out.with_suffix(".md")
    table.write_text(markdown(load(samples), options.rounds))
    print(f"written: {samples}, {table}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
