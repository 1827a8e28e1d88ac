"""The campaign of bench/swapper.py, short: no swap makes wrong bytes run; and it would be seen."""

import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from bench.swapper import Row, kinds, naive_host
from bench.swaps import WAYS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_racing_swapper_never_gets_the_wrong_bytes_to_run() -> None:
    command = [sys.executable, "-m", "bench.swapper", "--tries", "240"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    *lines, last = done.stdout.splitlines()
    assert last.endswith(" tries, wrong bytes ran 0 times")
    rows = [line.split() for line in lines if line.split()[1] in WAYS]
    assert {row[0] for row in rows} <= {"script", "program", "library"}
    assert len(rows) % len(WAYS) == 0
    assert all(row[6] == "0" for row in rows)
    assert sum(int(row[3]) for row in rows) > 0, "the right bytes never ran"
    assert sum(int(row[4]) for row in rows) > 0, "the wrong bytes were never refused"


def test_wrong_bytes_that_run_are_counted(tmp_path: Path) -> None:
    for kind, swapped in kinds(tmp_path):
        swapped.finish()
        if kind == "library":
            load = f"import ctypes; ctypes.CDLL({str(swapped.wrong)!r})"
            subprocess.run([sys.executable, "-c", load], check=True)
        else:
            wrong, right = (
                sha256(p.read_bytes()).hexdigest() for p in (swapped.wrong, swapped.right)
            )
            naive_host(str(swapped.wrong), wrong)
            naive_host(str(swapped.right), right)
            naive_host(str(swapped.wrong), right)
        assert swapped.wrong_runs() == 1
        assert swapped.wrong_runs() == 0


def test_a_row_that_shows_nothing_is_not_good() -> None:
    both = Counter({"ran": 1, "E-PIN-MISMATCH": 1})
    assert Row("script", "link", 2, both).good
    assert not Row("script", "link", 2, both, wrong=1).good
    assert not Row("script", "link", 2, Counter({"ran": 2})).good
    assert not Row("script", "link", 3, both + Counter({"E-START": 1})).good
