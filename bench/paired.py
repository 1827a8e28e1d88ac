"""Measures arms in blocks: each sample in its own process, a block's arms in random order.

Arms are compared by their ratio within a block. transportlab.evidence.analysis.stats gives it an
interval.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import quantiles

from transportlab.evidence.analysis.stats import Interval, estimate
from transportlab.evidence.run.progress import progress

ROOT = Path(__file__).resolve().parents[1]

Sample = dict[str, float]
Block = dict[str, Sample]

ONE = "--one"
"""The option with which a program measures one arm, and prints its sample as JSON."""


def own_python_first() -> None:
    """Put the folder of this very Python first in PATH, for what this process starts.

    Else `#!/usr/bin/env python3`, the first line of a plugin, may find a version manager's shell
    script, which takes longer than Python's start itself.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def measured(module: str, arm: Sequence[str]) -> Sample:
    """Measure an arm in a fresh process. Raises RuntimeError with its stderr if it fails."""
    command = [sys.executable, "-m", module, ONE, *arm]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arm)}: {done.stderr.strip()}")
    found: Sample = json.loads(done.stdout)
    return found


def blocks(module: str, arms: Mapping[str, Sequence[str]], number: int, seed: int) -> list[Block]:
    """Measure so many blocks, each with a sample of every arm, after one that does not count."""
    draw = Random(seed)
    found: list[Block] = []
    with progress(["block"] * (number + 1)) as tell:
        for at in range(number + 1):
            tell(f"block {at}")
            order = draw.sample(list(arms), len(arms))
            block = {name: measured(module, arms[name]) for name in order}
            if at:
                found.append(block)
    return found


def spread(found: Sequence[Block], arm: str, metric: str) -> str:
    """Return the median and quartiles of an arm, in milliseconds."""
    values = [block[arm][metric] * 1000 for block in found]
    if len(values) == 1:
        return f"{values[0]:.3g} ms"
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return f"{middle:.3g} ms [{low:.3g}, {high:.3g}]"


def ratio(found: Sequence[Block], over: str, under: str, metric: str) -> Interval:
    """Return how many times as long as another an arm takes."""
    logs = [math.log(block[over][metric] / block[under][metric]) for block in found]
    return estimate([logs]).ratio()


def shown(interval: Interval) -> str:
    """Return the ratio with its interval, for people."""
    if not interval.known:
        return f"{interval.value:.3f} (too few blocks for an interval)"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def print_sample(sample: Callable[[], Sample]) -> None:
    """Print a sample as JSON, as measured() reads it."""
    print(json.dumps(sample()))
