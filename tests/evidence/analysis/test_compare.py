"""Ratios and differences within blocks."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from transportlab.evidence.analysis.compare import Measured, Side
from transportlab.evidence.record import Evidence

Synthesize = Callable[..., dict[str, Any]]


def measured(*made: dict[str, Any]) -> Measured:
    return Measured([msgspec.convert(one, Evidence) for one in made])


def read_of(arm: str) -> Side:
    return Side(arm, "Read/10", "latency")


def test_a_ratio_and_a_difference_are_formed_within_blocks(synthesize: Synthesize) -> None:
    found = measured(synthesize(blocks=6)).compare(
        "unary", "split", read_of("jsonrpc-json"), read_of("grpc-json")
    )
    assert found is not None
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(0.5 / 0.9, rel=0.1)
    assert found.difference.mean < 0
    counts = found.counts
    assert (counts.runs, counts.blocks, counts.processes, counts.calls) == (1, 6, 12, (500, 500))


def test_runs_count_as_runs(synthesize: Synthesize) -> None:
    runs = measured(*(synthesize(seed, blocks=4) for seed in (1, 2, 3)))
    found = runs.compare("unary", "split", read_of("jsonrpc-json"), read_of("grpc-json"))
    assert found is not None
    assert found.logs is not None
    assert (found.logs.runs, found.logs.blocks, found.logs.degrees) == (3, 12, 2)


def test_a_block_that_lacks_a_side_does_not_count(synthesize: Synthesize) -> None:
    made = synthesize(blocks=6)
    block = next(b for b in made["blocks"] if b["suite"] == "session")
    block["samples"] = [s for s in block["samples"] if s["arm"] != "jsonrpc-json"]
    sides = [Side(arm, "dozen", "total") for arm in ("jsonrpc-json", "grpc-protobuf")]
    found = measured(made).compare("session", "unpinned", *sides)
    assert found is not None
    assert found.counts.blocks == 5


def test_a_value_has_a_unit_and_a_mean_that_goes_with_the_ratios(synthesize: Synthesize) -> None:
    found = measured(synthesize(blocks=5))
    assert found.unit("handshake", "unpinned", "cold-start", "rss-plugin") == "B"
    over, under = read_of("jsonrpc-json"), read_of("grpc-protobuf")
    above, below = (found.absolute("unary", "split", side) for side in (over, under))
    compared = found.compare("unary", "split", over, under)
    assert compared is not None
    assert compared.ratio is not None
    assert above is not None
    assert below is not None
    assert above / below == pytest.approx(compared.ratio.value)
    assert found.absolute("handshake", "same", over) is None
    assert found.unit("handshake", "same", "cold-start", "rss-plugin") == ""
    assert found.placements("unary") == ["same", "split"]


def test_the_parts_of_a_sum_are_added_within_a_process(synthesize: Synthesize) -> None:
    made = synthesize(blocks=6)
    for block in made["blocks"]:
        for sample in block["samples"]:
            if sample["metric"] in {"uss-host", "uss-plugin"}:
                sample["values"] = [3.0 if sample["metric"] == "uss-host" else 4.0]
        block["samples"] = [
            s for s in block["samples"] if (s["arm"], s["metric"]) != ("direct-none", "uss-plugin")
        ]
    metric = "uss-host+uss-plugin"
    sides = [Side(arm, "cold-start", metric) for arm in ("grpc-protobuf", "direct-none")]
    found = measured(made)
    compared = found.compare("handshake", "unpinned", *sides)
    assert compared is not None
    assert (compared.difference.mean, compared.counts.processes) == (4, 12)
    assert found.unit("handshake", "unpinned", "cold-start", metric) == "B"


def test_a_side_alone_is_its_difference_to_nothing(synthesize: Synthesize) -> None:
    found = measured(synthesize(blocks=6))
    alone = found.alone("unary", "split", read_of("go/go/grpc-protobuf"))
    assert alone is not None
    assert alone.difference.mean > 0
    assert (alone.ratio, alone.counts.processes) == (None, 6)
    assert found.alone("unary", "split", read_of("nobody")) is None


def test_an_a_a_pair_shows_bias_alone(synthesize: Synthesize) -> None:
    found = measured(synthesize(blocks=8))
    (pair,) = found.bias("unary", "split", "Read/10", "latency")
    assert pair.low < 1 < pair.high
    held = [one.low <= 1 <= one.high for one in found.all_bias()]
    assert len(held) > 20
    assert sum(held) / len(held) > 0.9


def test_zero_is_no_ratio_but_a_difference(synthesize: Synthesize) -> None:
    made = synthesize()
    for block in made["blocks"]:
        for sample in block["samples"]:
            if sample["metric"] == "cpu-host":
                sample["values"] = [0.0]
    sides = [Side(arm, "cold-start", "cpu-host") for arm in ("jsonrpc-json", "grpc-protobuf")]
    found = measured(made).compare("handshake", "unpinned", *sides)
    assert found is not None
    assert (found.ratio, found.difference.mean) == (None, 0)


@pytest.mark.parametrize(
    ("halves", "change", "drifting", "reached"),
    [([1.0, 1.02], 1.02, 0, True), ([1.0, 0.8], 0.8, 6, False)],
)
def test_calls_are_steady_if_both_halves_of_a_process_take_as_long(
    synthesize: Synthesize, halves: list[float], change: float, drifting: int, reached: bool
) -> None:
    made = synthesize(blocks=6)
    for block in made["blocks"]:
        for sample in block["samples"]:
            if sample["kind"] == "quantiles":
                sample["halves"] = halves
    found = measured(made).steadiness("unary", "split", read_of("grpc-json"))
    assert found is not None
    assert math.isclose(found.change, change)
    assert (found.drifting, found.processes, found.reached) == (drifting, 6, reached)


def test_whether_calls_were_steady_may_not_be_known(synthesize: Synthesize) -> None:
    assert measured(synthesize()).steadiness("unary", "split", read_of("grpc-json")) is None
