"""Another host as a process: what its bench is told, and what is made of what it prints."""

import json
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace

from tests.evidence.conftest import SHORT
from transportlab.data import SPEC
from transportlab.evidence.arms import Host, load_arms
from transportlab.evidence.record import Arm
from transportlab.evidence.run.bench import HostFailed, bench, told
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites import handshake, unary
from transportlab.manifest.document import load_manifest

LINE = {
    "spawn": 0.1, "line": 0.2, "opened": 0.3, "first-read": 0.4, "ready": 1.0, "exit": 0.5,
    "total": 1.5, "calls": [0.01, 0.02, 0.03], "uss-plugin": 4096, "uss-host": 8192,
}  # fmt: skip

SCRIPT = """#!/bin/sh
echo "$@" > {folder}/told
cp "$3" {folder}/manifest.json
cat {folder}/lines
"""


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task for a host that prints LINE twice, whatever it is told."""
    (tmp_path / "lines").write_text(f"{json.dumps(LINE)}\n" * 2)
    program = tmp_path / "host"
    program.write_text(SCRIPT.format(folder=tmp_path))
    program.chmod(0o755)
    host = Host(id="h", title="H", role="candidate", program=str(program))
    arm = Arm("h/sdk/grpc-protobuf", "grpc", "protobuf", "arm", "h")
    plugin = replace(load_arms().plugins[0], program="/p", config={"a": "b"})
    return Task(("handshake",), arm, Placement(UNPINNED, None, None), SHORT, host, plugin)


def test_a_bench_prints_what_the_schema_says() -> None:
    schema = json.loads((SPEC / "bench.schema.json").read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(LINE)
    assert [error.message for error in found] == []


def test_a_host_is_told_what_to_call(task: Task, tmp_path: Path) -> None:
    found = bench(task, runs=2, size=10, calls=3)
    assert found == [LINE, LINE]
    words = (tmp_path / "told").read_text().split()
    assert [words[0], words[1]] == ["bench", "--manifest"]
    assert words[3:] == [
        "--backend",
        "/p",
        "--transport",
        "grpc",
        "--codec",
        "protobuf",
        "--backend-config",
        "a=b",
        "--runs",
        "2",
        "--calls",
        "3",
        "--fill",
    ]
    assert len(load_manifest(tmp_path / "manifest.json").jobs) == 10


def test_a_host_is_told_where_its_plugin_runs(task: Task, tmp_path: Path) -> None:
    apart, together = Placement("split", (0,), (2, 3)), Placement("same", (0,), (0,))
    for place, told_where in [(apart, True), (together, False)]:
        bench(replace(task, placement=place), runs=2)
        words = (tmp_path / "told").read_text()
        assert words.endswith(" --plugin-cpus 2,3\n") == told_where
    library = replace(task.arm, transport="ffi")  # in the host's own process
    bench(replace(task, placement=apart, arm=library), runs=2)
    assert "--plugin-cpus" not in (tmp_path / "told").read_text()


def test_its_phases_are_those_of_the_suite(task: Task) -> None:
    found = {(s.case, s.metric): s.value for s in handshake.measure_host(task)}
    phases = {name: value for name, value in LINE.items() if name not in {"calls"}}
    for case in (handshake.COLD, handshake.NEXT):
        assert {name: found[case, name] for name in phases} == phases
    assert len(found) == 2 * len(phases)


def test_its_calls_are_those_of_the_suite(task: Task, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text(json.dumps(LINE))
    (sample,) = unary.measure_host(task)
    assert (sample.case, sample.metric, sample.n, sample.value) == ("Read/10", "latency", 3, 0.02)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("echo first >&2; echo the last >&2; exit 3", "exit status 3: the last$"),
        ("exit 1", "exit status 1: no reason"),
        ("echo hello", "a line of bench is not JSON"),
        ("echo '{}'", "bench printed 1 objects, or others than it should"),
        ("true", "bench printed 0 objects"),
    ],
)
def test_a_host_that_fails_is_told(program: str, problem: str) -> None:
    with pytest.raises(HostFailed, match=problem):
        told(["sh", "-c", program], 1)
