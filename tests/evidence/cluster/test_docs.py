"""docs/many-machines.md: its figures are what the model says."""

import math
import re

from transportlab.data import ROOT
from transportlab.evidence.analysis.stats import BETWEEN, LEVEL, MIN_RUNS
from transportlab.evidence.analysis.students import quantile
from transportlab.evidence.run.plan import PROFILES

PAGE = (ROOT / "docs" / "many-machines.md").read_text()
ROW = re.compile(r"^\| (\d+) \| (\d+) \| [^|]+ \| ([\d.?]+) \|$", re.M)


def half(runs: int, blocks: int) -> float:
    """The half width of an interval, in standard deviations of a block within its run."""
    degrees = runs - 1 if runs >= MIN_RUNS else runs * (blocks - 1) / 2
    return quantile(LEVEL, degrees) * math.sqrt((1 / blocks + BETWEEN) / runs)


def test_the_table_of_intervals_follows_from_the_model() -> None:
    rows = ROW.findall(PAGE)
    assert len(rows) == 5
    full = PROFILES["full"].blocks["session"]["unpinned"]
    assert rows[0][:2] == ("1", str(full))
    shown = {(runs, blocks): figure for runs, blocks, figure in rows}
    assert shown == {
        (runs, blocks): f"{half(int(runs), int(blocks)) / half(1, full):.2f}"
        for runs, blocks, _ in rows
    }
