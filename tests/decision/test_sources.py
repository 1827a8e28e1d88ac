"""Figures are looked up where they stand, in evidence made for the tests."""

import json
from pathlib import Path
from typing import Any

import pytest

from transportlab.decision.criteria import (
    AnyFigure,
    DecisionError,
    FromFaults,
    FromLines,
    FromParts,
    FromRun,
    FromTable,
    FromTrait,
    FromVectors,
    Language,
    Option,
    Stated,
    Unmeasured,
)
from transportlab.decision.sources import Found, Sources
from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.record import (
    FORMAT,
    SECONDS,
    Arm,
    Block,
    Conformance,
    ConformanceResult,
    Evidence,
    Suite,
    write,
)

GRPC = Option("grpc", "gRPC", "an argument", "grpc", "protobuf")
FFI = Option("ffi", "FFI", "an argument", "ffi", "protobuf")
PYTHON = Language("python", "Python", ("stdlib", "sdk"))
GO = Language("go", "Go", ("go",))
C = Language("c", "C", ("c",))

READY = FromRun(
    suite="handshake",
    placement="unpinned",
    case="next",
    metric="ready",
    over_baseline=True,
    factor=1000,
)


def evidence(arms: list[Arm], blocks: list[dict[str, float]], failures: list[str]) -> Evidence:
    """A run in whose blocks each arm has this `ready`."""
    return Evidence(
        format=FORMAT,
        profile="quick",
        seed=1,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:01:00+00:00",
        complete=True,
        commit="c0ffee",
        dirty=False,
        project_version="0",
        facts={},
        arms=arms,
        suites={"handshake": Suite("how long?")},
        not_run=[],
        conformance=Conformance(1, [ConformanceResult("grpc", "protobuf", {}, failures)]),
        blocks=[
            Block(
                suite="handshake",
                number=number,
                placement="unpinned",
                order=[],
                samples=[
                    arm.one("next", "ready", block[arm.id], SECONDS)
                    for arm in arms
                    if arm.id in block
                ],
            )
            for number, block in enumerate(blocks)
        ],
    )


DIRECT = Arm("direct-none", "direct", "none", "arm")
SDK = Arm("grpc-protobuf", "grpc", "protobuf", "arm")
GO_GO = Arm("go/go/grpc-protobuf", "grpc", "protobuf", "arm", "go", "go")
GO_ARMS = [
    GO_GO,
    *(
        Arm(f"{host}/{plugin}/ffi-protobuf", "ffi", "protobuf", "arm", host, plugin)
        for host, plugin in (("go", "c"), ("python", "c"), ("go", "sdk"))
    ),
]


def sources(tmp_path: Path, run: Evidence | None = None, **files: Any) -> Sources:
    if run is not None:
        write(tmp_path / "runs" / "run.json.gz", run)
    for name, document in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    return Sources(("go", "python"), tmp_path, tmp_path)


def test_a_run_gives_the_mean_of_differences_within_blocks(tmp_path: Path) -> None:
    blocks = [{"direct-none": 0.1 * n, "grpc-protobuf": 0.1 * n + 0.01 * n} for n in range(1, 8)]
    known = sources(tmp_path, evidence([DIRECT, SDK], [*blocks, {"grpc-protobuf": 9}], []))
    [found] = known.figures(READY, GRPC, PYTHON)
    assert found.value == pytest.approx(40)
    assert 0 < found.low < 40 < found.high
    assert found.source == "evidence/runs: grpc-protobuf over direct-none, 7 blocks of 2026-01-01"
    assert known.figures(READY, GRPC, GO) == []
    assert known.figures(READY, FFI, PYTHON) == []


def test_costs_of_the_go_host_are_over_its_baseline_which_counts_under_the_next_host(
    tmp_path: Path,
) -> None:
    block = {"direct-none": 0.1, "go/c/ffi-protobuf": 0.002, "go/go/grpc-protobuf": 0.007}
    under_python = {"python/c/ffi-protobuf": 0.116, "go/sdk/ffi-protobuf": 0.062}
    run = evidence([DIRECT, *GO_ARMS], [block | under_python] * 6, [])
    known = sources(tmp_path, run)
    [found] = known.figures(READY, GRPC, GO)
    assert found.value == pytest.approx(5)
    assert " over go/c/ffi-protobuf, " in found.source
    [found] = known.figures(READY, FFI, PYTHON)
    assert found.value == pytest.approx(60)
    [found] = known.figures(READY, FFI, C)
    assert found.value == pytest.approx(16)
    assert " over direct-none, " in found.source


def test_runs_that_are_given_count_in_place_of_those_in_evidence(tmp_path: Path) -> None:
    here, there = (
        evidence([DIRECT, SDK], [{"direct-none": 0.1, "grpc-protobuf": total}] * 6, [])
        for total in (0.2, 0.4)
    )
    sources(tmp_path, here)
    known = Sources(("python",), tmp_path, tmp_path, measured=[Measured([there])])
    [found] = known.figures(READY, GRPC, PYTHON)
    assert found.value == pytest.approx(300)


def test_a_host_without_a_baseline_has_its_figures_as_they_are(tmp_path: Path) -> None:
    block = {"direct-none": 0.1, "go/go/grpc-protobuf": 0.007}
    run = evidence([DIRECT, SDK, GO_GO], [block] * 6, [])
    [found] = sources(tmp_path, run).figures(READY, GRPC, GO)
    assert found.value == pytest.approx(7)
    assert " over " not in found.source


def test_what_has_too_few_blocks_for_an_interval_is_not_measured(tmp_path: Path) -> None:
    run = evidence([DIRECT, SDK], [{"direct-none": 0.1, "grpc-protobuf": 0.2}] * 2, [])
    assert sources(tmp_path, run).figures(READY, GRPC, PYTHON) == []


TABLE = {
    "rows": [
        {
            "id": "go/grpc", "lines": {"transport": 174}, "size": 5_000_000,
            "vectors": {"passed": 90, "failed": 0, "not_run": ""},
        },
        {
            "id": "sdk/grpc", "lines": {"transport": None}, "size": None,
            "vectors": {"passed": 90, "failed": 1, "not_run": ""},
        },
        {
            "id": "sdk/ffi", "lines": {"transport": 1}, "size": 1,
            "vectors": {"passed": 0, "failed": 0, "not_run": "no cc"},
        },
    ]
}  # fmt: skip


def test_the_table_of_languages_is_read_by_plugin_and_transport(tmp_path: Path) -> None:
    known = sources(tmp_path, languages=TABLE)

    def value(key: Any, option: Option = GRPC, language: Language = GO) -> list[float]:
        return [one.value for one in known.figures(FromTable(key=key), option, language)]

    assert (value("lines"), value("size"), value("passes")) == ([174], [5_000_000], [1])
    assert (value("lines", language=PYTHON), value("passes", language=PYTHON)) == ([], [0])
    assert value("passes", FFI, PYTHON) == []
    assert value("size", FFI) == []


def test_faults_are_a_share_of_the_runs_that_the_host_outlived(tmp_path: Path) -> None:
    cells = [
        {"fault": "segv", "column": "ffi", "runs": [{"code": "HOST ENDED"}, {"code": "E-CALL"}]},
        {"fault": "segv", "column": "grpc", "runs": [{"code": "E-CALL"}, {"code": ""}]},
        {"fault": "exit-0", "column": "grpc", "runs": [{"code": "HOST HANGS"}]},
    ]
    known = sources(tmp_path, faults={"cells": cells})
    shares = [known.figures(FromFaults(faults=("segv",)), o, GO)[0].value for o in (FFI, GRPC)]
    assert shares == [50, 100]
    assert known.figures(FromFaults(faults=("noise",)), FFI, GO) == []


def test_vectors_are_missed_by_nature_or_in_the_newest_run(tmp_path: Path) -> None:
    figure = FromVectors(groups=("deadlines and cancellation",))
    assert sources(tmp_path).figures(figure, GRPC, GO)[0].value == 0
    [found] = sources(tmp_path).figures(figure, FFI, GO)
    assert found.value == 1
    assert found.source.endswith(": deadline-holds-against-a-backend-that-ignores-it")
    run = evidence([], [], ["deadline-ends-a-call", "read-empty"])
    assert sources(tmp_path, run).figures(figure, GRPC, GO)[0].value == 1


def test_traits_lines_and_parts_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.go").write_text("package a\n\n  \nvar b = 1\n")
    known = sources(tmp_path)
    cases: list[tuple[AnyFigure, list[float]]] = [
        (FromTrait(trait="isolated", figures={"true": 0, "false": 1}), [0]),
        (FromTrait(trait="endpoint", figures={"socket": 1}), [1]),
        (FromLines(files=("a.go",)), [4]),
        (FromLines(files=("a.go", "gone.go")), []),
        (FromParts(parts={"a": True, "b": False, "c": True}), [2]),
        (Unmeasured(), []),
    ]
    for figure, wanted in cases:
        assert [one.value for one in known.figures(figure, GRPC, GO)] == wanted


def test_without_evidence_nothing_is_measured(tmp_path: Path) -> None:
    known = sources(tmp_path)
    figures: list[AnyFigure] = [READY, FromTable(key="size"), FromFaults(faults=("segv",))]
    assert [known.figures(figure, GRPC, GO) for figure in figures] == [[], [], []]


def test_a_table_that_is_no_json_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "languages.json").write_text("{")
    with pytest.raises(DecisionError, match=r"languages\.json: "):
        sources(tmp_path).figures(FromTable(key="size"), GRPC, GO)


def test_what_is_stated_lies_between_its_bounds(tmp_path: Path) -> None:
    [found] = sources(tmp_path).figures(Stated(value=1, high=3, note="untested"), GRPC, GO)
    assert found == Found(2, 1, 3, "untested")
