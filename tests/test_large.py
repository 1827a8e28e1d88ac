"""The largest manifest over every transport: `python -m bench.large`, as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names


@pytest.mark.slow
def test_256_jobs_of_64_schedules_pass_whole_and_leave_equal_files() -> None:
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "bench.large"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    rows = [line.split() for line in done.stdout.splitlines()[1:-1]]
    arms = [(n, c) for n in transport_names() for c in load_transport(n).traits.codecs]
    assert [(row[0], row[1]) for row in rows] == arms
    for row in rows:
        if load_transport(row[0]).traits.endpoint is EndpointKind.LIBRARY and "not" in row:
            continue
        assert row[-1] == "256"
    assert done.stdout.splitlines()[-1] == "files: equal"
