"""Ratios within blocks, and the noise beside them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from transportlab.evidence.analysis.compare import Measured, Side
from transportlab.evidence.record import Evidence

Synthesize = Callable[..., dict[str, Any]]


def measured(made: dict[str, Any]) -> Measured:
    return Measured(msgspec.convert(made, Evidence))


def test_a_ratio_is_formed_within_blocks_and_has_the_noise_beside_it(
    synthesize: Synthesize,
) -> None:
    made = synthesize(blocks=6)
    found = measured(made).compare(
        "unary", "split", *(Side(a, "Read/10", "latency") for a in ("jsonrpc-json", "grpc-json"))
    )
    assert found is not None
    assert found.interval.ratio == pytest.approx(0.5 / 0.9, rel=0.1)
    assert (found.processes, found.calls, found.interval.blocks) == (12, 6000, 6)
    assert found.noise is not None
    assert 1 < found.noise < 1.3
    assert not found.within_noise


def test_a_block_that_lacks_a_side_does_not_count(synthesize: Synthesize) -> None:
    made = synthesize(blocks=6)
    block = next(b for b in made["blocks"] if b["suite"] == "session")
    block["samples"] = [s for s in block["samples"] if s["arm"] != "jsonrpc-json"]
    sides = [Side(arm, "dozen", "total") for arm in ("jsonrpc-json", "grpc-protobuf")]
    found = measured(made).compare("session", "unpinned", *sides)
    assert found is not None
    assert found.interval.blocks == 5


def test_a_value_has_a_unit_and_a_median_over_processes(synthesize: Synthesize) -> None:
    found = measured(synthesize(blocks=5))
    side = Side("grpc-protobuf", "cold-start", "rss-plugin")
    assert found.unit("handshake", "unpinned", "cold-start", "rss-plugin") == "B"
    assert (
        found.absolute("handshake", "unpinned", side)
        == sorted(sample.value for sample in found.samples("handshake", "unpinned", side))[2]
    )
    assert found.absolute("handshake", "same", side) is None
    assert found.unit("handshake", "same", "cold-start", "rss-plugin") == ""
    assert found.placements("unary") == ["same", "split"]


def test_what_lacks_a_copy_has_no_noise_and_zero_is_no_ratio(synthesize: Synthesize) -> None:
    made = synthesize()
    for block in made["blocks"]:
        block["samples"] = [s for s in block["samples"] if not s["arm"].endswith("#2")]
        for sample in block["samples"]:
            if sample["metric"] == "cpu-host":
                sample["values"] = [0.0]
    evidence = measured(made)
    sides = [Side(arm, "cold-start", "ready") for arm in ("jsonrpc-json", "grpc-protobuf")]
    compared = evidence.compare("handshake", "unpinned", *sides)
    assert compared is not None
    assert compared.noise is None
    assert not compared.within_noise
    zero = [Side(arm, "cold-start", "cpu-host") for arm in ("jsonrpc-json", "grpc-protobuf")]
    assert evidence.compare("handshake", "unpinned", *zero) is None
