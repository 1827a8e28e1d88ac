"""Short tasks for the suites, and evidence whose true ratios are known."""

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from transportlab.evidence.analysis.runs import sort
from transportlab.evidence.record import Evidence
from transportlab.evidence.report.document import Documents, documents, load_rules
from transportlab.evidence.run.placement import UNPINNED, Placement
from transportlab.evidence.run.plan import transport_arms
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort

SHORT = Effort(0.001, 2, 5, 1024)


def task_of(transport: str, codec: str) -> Task:
    """A task for measure() of a suite. tests/conftest.py leaves out what cannot be measured."""
    arms, lacking = transport_arms()
    arm = {(arm.transport, arm.codec): arm for arm in arms}.get((transport, codec))
    assert arm is not None, lacking
    place = Placement(UNPINNED, None, None)
    return Task(("unary",), arm, place, SHORT)


@pytest.fixture
def task(transport: str, codec: str) -> Task:
    """A short task of every transport with each of its codecs."""
    return task_of(transport, codec)


@pytest.fixture
def direct() -> Task:
    """A short task that needs no plugin."""
    return task_of("direct", "none")


TRUE = {
    "grpc-protobuf": 1.0,
    "jsonrpc-json": 0.5,
    "http-json": 1.6,
    "ffi-protobuf": 0.2,
    "grpc-json": 0.9,
    "direct-none": 0.1,
    "go/go/grpc-protobuf": 0.4,
    "go/go/jsonrpc-json": 0.3,
}
"""Every arm's true time over the reference's, in every suite."""

BASE = {"s": 0.01, "B": 6e7, "1/s": 2000.0}

HIDDEN = "not visible"
FACTS = {
    "cpu": {"model": "A CPU", "flags": ["x", "y"]}, "kernel": "Linux | 6", "topology": HIDDEN,
    "hypervisor": HIDDEN, "cgroup_cpu_max": HIDDEN, "governor": HIDDEN, "turbo": HIDDEN,
    "cpuidle_driver": HIDDEN, "clock_source": "tsc", "mitigations": HIDDEN,
    "python": {"version": "3.11"}, "protobuf_backend": "upb", "versions": {"grpcio": "1.0"},
    "source_sha256": "0" * 64, "placements": {}, "message_bytes": {},
    "effort": {"seconds": 0.02, "least": 3, "most": 1000, "largest": 65536},
}  # fmt: skip
NONE = dict.fromkeys(("pass", "fail", "unsupported", "not run", "harness error"), 0)

# (suite, placement, case, metric, unit, kind)
MEASURES = [
    *(
        ("handshake", "unpinned", "cold-start", metric, "s", "value")
        for metric in ("spawn", "line", "connected", "opened", "first-read", "exit", "total")
    ),
    ("handshake", "unpinned", "cold-start", "cpu-host", "s", "value"),
    ("handshake", "unpinned", "cold-start", "cpu-plugin", "s", "value"),
    *(
        ("handshake", "unpinned", "cold-start", metric, "B", "value")
        for metric in ("rss-plugin", "uss-host", "uss-plugin", "pss-host", "pss-plugin")
    ),
    ("handshake", "unpinned", "imports", "total", "s", "value"),
    *(
        ("session", "unpinned", case, "total", "s", "value")
        for case in ("dozen", "dozen-in-memory")
    ),
    *(
        ("unary", place, f"{rpc}/{size}", "latency", "s", "quantiles")
        for place in ("same", "split")
        for rpc in ("Read", "Plan")
        for size in (1, 10, 256)
    ),
    *(("carriage", "split", f"bytes/{n}", "latency", "s", "quantiles") for n in (0, 64, 1048576)),
    *(("carriage", "split", f"floor/{n}", "latency", "s", "quantiles") for n in (0, 64, 1048576)),
    ("concurrency", "split", "in-flight/16", "rate", "1/s", "value"),
]


def _values(kind: str, centre: float, chance: Random) -> list[float]:
    if kind == "value":
        return [centre]
    spread = sorted(centre * math.exp(chance.gauss(0, 0.1)) for _ in range(20))
    return (
        [*spread[:10], centre, *spread[10:]]
        if spread[9] <= centre <= spread[10]
        else ([centre * (0.8 + 0.02 * step) for step in range(21)])
    )


AA = "grpc-protobuf#2"
BARE_SPAWN = {
    "arm": "control", "case": "bare-spawn", "metric": "total", "unit": "s",
    "n": 1, "values": [0.012], "kind": "value",
}  # fmt: skip
CONFORMANCE = {
    "vectors": 3,
    "results": [
        {
            "transport": "grpc", "codec": "protobuf", "failures": ["read/one"],
            "totals": {**NONE, "pass": 1, "fail": 1, "unsupported": 1},
        },
        {"transport": "ffi", "codec": "protobuf", "totals": {**NONE, "pass": 3}, "failures": []},
    ],
}  # fmt: skip


def _arms(true: dict[str, float]) -> list[dict[str, str]]:
    measured = []
    for name in true:
        *pair, carried = name.split("/")
        transport, codec = carried.split("-")
        host, plugin = pair or ("python", "sdk")
        arm = {"id": name, "transport": transport, "codec": codec, "role": "arm"}
        measured.append({**arm, "host": host, "plugin": plugin})
    twin = {"id": AA, "transport": "grpc", "codec": "protobuf", "role": "aa"}
    control = {"id": "control", "transport": "", "codec": "", "role": "control"}
    return [*measured, twin, control]


def _samples(
    place: tuple[str, str], true: dict[str, float], spread: float, drift: float, chance: Random
) -> list[dict[str, Any]]:
    """What the processes of one block have measured, of a suite in a placement."""
    moment = chance.gauss(0, drift)  # what all arms of a block share
    samples: list[dict[str, Any]] = []
    for arm in [*true, AA]:
        for suite, placement, case, metric, unit, kind in MEASURES:
            if (suite, placement) != place:
                continue
            size = BASE[unit] * true[arm.removesuffix("#2")]
            centre = size * math.exp(moment + chance.gauss(0, spread))
            samples.append(
                {
                    "arm": arm, "case": case, "metric": metric, "unit": unit, "kind": kind,
                    "n": 1 if kind == "value" else 500, "values": _values(kind, centre, chance),
                }
            )  # fmt: skip
    return samples + ([copy.deepcopy(BARE_SPAWN)] if place[0] == "handshake" else [])


def synthesize(
    seed: int = 1,
    blocks: int = 10,
    spread: float = 0.05,
    true: dict[str, float] = TRUE,
    drift: float = 0.5,
) -> dict[str, Any]:
    """A complete file. spread: of a process's log time, beside what its block shares, the drift."""
    chance = Random(seed)
    arms = _arms(true)
    made: list[dict[str, Any]] = []
    for suite, placement in sorted({measure[:2] for measure in MEASURES}):
        for number in range(blocks):
            samples = _samples((suite, placement), true, spread, drift, chance)
            load = {"load1": 0.5, "steal": 1.0 + number, "pressure_cpu": 2.5}
            made.append(
                {
                    "suite": suite, "number": number, "placement": placement, "affinity": {},
                    "order": chance.sample([arm["id"] for arm in arms], len(arms)),
                    "before": load, "after": {**load, "steal": 1.25 + number}, "samples": samples,
                }
            )  # fmt: skip
    return {
        "format": 1, "profile": "quick", "seed": seed, "complete": True, "dirty": False,
        "started": f"2026-01-01T00:{seed % 60:02}:00+00:00", "ended": "2026-01-01T02:00:00+00:00",
        "commit": "0123456789" * 4, "project_version": "0.1.0",
        "suites": {suite: {"question": f"How is {suite}?", "unit": "s"} for suite, *_ in MEASURES},
        "facts": dict(FACTS), "arms": arms, "blocks": made,
        "not_run": [{"what": "ffi-json", "why": "no libraries were built (no C compiler)"}],
        "conformance": copy.deepcopy(CONFORMANCE),
    }  # fmt: skip


@pytest.fixture(name="synthesize", scope="session")
def _synthesize() -> Callable[..., dict[str, Any]]:
    return synthesize


@pytest.fixture(scope="session")
def documents_of() -> Callable[..., Documents]:
    """Makes both documents on files, without their figures."""

    def documents_of(*found: dict[str, Any], of: bool = True) -> Documents:
        runs = sort([msgspec.convert(copy.deepcopy(one), Evidence) for one in found])
        return documents(runs, load_rules(), of=of)

    return documents_of


@pytest.fixture(scope="session")
def made(documents_of: Callable[..., Documents]) -> Documents:
    """Both documents on synthetic evidence."""
    return documents_of(synthesize())


@pytest.fixture(scope="session")
def report(made: Documents) -> str:
    """The text of REPORT.md on synthetic evidence."""
    return made.report


@pytest.fixture(scope="session")
def details(made: Documents) -> str:
    """The text of suites.md on synthetic evidence."""
    return made.suites


@pytest.fixture
def write_evidence(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of evidence, a synthetic one unless it is given."""

    def write(found: dict[str, Any] | None = None, name: str = "evidence.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(found or synthesize()))
        return path

    return write
