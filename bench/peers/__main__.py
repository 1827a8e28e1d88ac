"""Measures the rows of bench.peers, prints a table, and judges it.

    python -m bench.peers [--rows grpc-start,session] [--blocks 20] [--check] [--json-file FILE]

The first block does not count: it fills caches. `--plugin-python` takes the interpreter of another
environment that has the lab installed, say from an older checkout, and measures its plugin and its
command as the arm "before".
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median

import msgspec

from bench.paired import own_python_first
from bench.peers.build import Installed, build
from bench.peers.rows import BEFORE, LAB, Group, Row, Workplace, groups
from bench.peers.samples import Values
from transportlab.evidence.run.progress import progress

SLACK = 1.2
"""How far beyond its bound a row may be before --check fails: machines differ, and are busy."""

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "MiB": 1 / 1024**2}


class Result(msgspec.Struct, frozen=True):
    """A row and the values of each of its blocks. lacking: why there are none."""

    row: Row
    blocks: list[Values]
    lacking: str = ""

    def ratios(self, arm: str = LAB) -> list[float]:
        """Each block's ratio; the value itself if there is nothing to divide by."""
        under = self.row.under
        return [
            block[arm] / (max(block[name] for name in under) if under else 1.0)
            for block in self.blocks
            if arm in block
        ]

    @property
    def judged(self) -> float:
        """What is held against the bound."""
        return median(self.ratios())

    @property
    def fails(self) -> bool:
        """Whether it is beyond its bound by more than the slack."""
        return self.beyond(SLACK)

    def beyond(self, slack: float = 1.0) -> bool:
        """Whether it is beyond its bound times the slack."""
        return bool(self.blocks and self.row.bound) and self.judged > self.row.bound * slack


def measure(wanted: Sequence[Group], blocks: int, seed: int) -> list[Result]:
    """Measure all groups, block by block in random order, after one block that does not count."""
    draw = Random(seed)
    able = [group for group in wanted if not group.lacking]
    todo = [
        group
        for number in range(blocks + 1)
        for group in draw.sample(able, len(able))
        if number <= (group.most or blocks)
    ]
    found: dict[str, list[Values]] = {row.id: [] for group in wanted for row in group.rows}
    seen: set[str] = set()
    with progress([group.rows[0].id for group in todo]) as tell:
        for group in todo:
            first = group.rows[0].id
            tell(first)
            values = group.block(draw)
            if first in seen:
                for name, block in values.items():
                    found[name].append(block)
            seen.add(first)
    return [Result(row, found[row.id], group.lacking) for group in wanted for row in group.rows]


def worst(results: Sequence[Result]) -> list[Result]:
    """The results without those of a family that are not its worst."""
    tops: dict[str, Result] = {}
    for result in results:
        name = result.row.family or result.row.id
        if name not in tops or (result.blocks and result.judged > tops[name].judged):
            tops[name] = result
    return list(tops.values())


def table(results: Sequence[Result]) -> list[str]:
    """The results as a table in Markdown. `!` marks what is beyond its bound."""
    measured = {arm for result in results for block in result.blocks for arm in block}
    known = [LAB, BEFORE, *(arm for result in results for arm in result.row.under)]
    arms = [arm for arm in dict.fromkeys(known) if arm in measured]
    lines = [
        f"| row | what | ratio [range] | bound |{''.join(f' {arm} |' for arm in arms)}",
        f"|---|---|---|---|{'---|' * len(arms)}",
    ]
    for result in results:
        row = result.row
        bound = f"{row.bound:g}" if row.bound else ""
        if not result.blocks:
            lines.append(f"| {row.id} | {row.what} | not run: {result.lacking} | {bound} |")
            continue
        cells = "".join(f" {_amount(result, arm)} |" for arm in arms)
        mark = " !" if result.beyond() else ""
        lines.append(f"| {row.id} | {row.what} | {_ratio(result, LAB)}{mark} | {bound} |{cells}")
    return lines


def _ratio(result: Result, arm: str) -> str:
    found = result.ratios(arm)
    return f"{median(found):.2f} [{min(found):.2f}, {max(found):.2f}]"


def _amount(result: Result, arm: str) -> str:
    values = [block[arm] for block in result.blocks if arm in block]
    if not values:
        return ""
    shown = f"{_number(median(values) * UNITS[result.row.unit])} {result.row.unit}"
    return f"{shown}; {_ratio(result, arm)}" if arm == BEFORE else shown


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def chosen(every: Sequence[Group], names: str) -> list[Group]:
    """The groups with rows of these names, or of names that begin so. Raises ValueError."""
    if not names:
        return list(every)
    found: list[Group] = []
    for name in names.split(","):
        matching = [
            group
            for group in every
            if any(row.id == name or row.id.startswith(f"{name}-") for row in group.rows)
        ]
        if not matching:
            known = ", ".join(dict.fromkeys(row.family or row.id for g in every for row in g.rows))
            raise ValueError(f'no row "{name}"; there are {known}')
        found += [group for group in matching if group not in found]
    return found


def verdict(results: Sequence[Result]) -> list[str]:
    """A line for each row that --check does not let pass."""
    return [
        f"{result.row.id}: {result.judged:.2f} is beyond {result.row.bound:g} x {SLACK:g}"
        for result in results
        if result.fails
    ]


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        "bench.peers", description="The lab's own beside its peers.", allow_abbrev=False
    )
    parser.add_argument("--rows", default="", help="ids, or how they begin, separated by commas")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="show each overhead, not the worst")
    parser.add_argument("--check", action="store_true", help="fail if a row is beyond its bound")
    parser.add_argument("--json-file", type=Path, metavar="FILE", help="write all values to it")
    parser.add_argument("--plugin-python", metavar="PATH", help="interpreter of the arm `before`")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    given = options(arguments)
    own_python_first()
    before = given.plugin_python and Installed.beside(given.plugin_python)
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        at = Workplace(build(Path(folder)), Installed.here(), before or None)
        try:
            wanted = chosen(groups(at), given.rows)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        results = measure(wanted, given.blocks, given.seed)
    print("\n".join(table(results if given.all else worst(results))))
    if given.json_file is not None:
        given.json_file.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    failures = verdict(results)
    if given.check:
        print("\n".join(failures), file=sys.stderr)
    return 1 if given.check and failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
