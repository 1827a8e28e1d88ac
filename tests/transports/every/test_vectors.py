"""The conformance suite over every transport: each vector passes, answered as without a wire.

What a vector holds has no other test here. The files beside this one hold what no vector can say.
"""

from functools import cache

import pytest

from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import ArmResult
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.vectors import GROUPS, load_vectors, select
from transportlab.registry import load_transport, transport_module, transport_names

BACKENDS = {
    "session and config", "read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership",
}  # fmt: skip
"""Groups about what a backend does, whatever carries its calls.

Over a wire they are slow, as a plugin starts for each vector.
"""


RAW = ("raw wire", "raw limits")
"""Groups of bytes: each transport has its own, which no other can answer."""

CALLS = [group for group in GROUPS if group not in RAW]

OF_BYTES = [name for name in transport_names() if transport_module(name, "raw")]
"""The transports whose bytes the suite writes itself."""


def run(transport: str, codec: str, group: str) -> ArmResult:
    vectors = select(load_vectors(), [group])
    [arm] = run_matrix([transport], vectors, options=Options(codec)).arms
    return arm


@cache
def without_a_wire(group: str) -> ArmResult:
    return run("direct", "none", group)


@pytest.mark.parametrize("group", CALLS)
def test_every_vector_passes_without_a_wire(group: str) -> None:
    arm = without_a_wire(group)
    assert [(bad.vector.id, bad.failure, bad.reason) for bad in arm.bad()] == []
    assert arm.totals()["pass"]


@pytest.mark.traits(wire=True)
@pytest.mark.parametrize(
    "group",
    [pytest.param(g, marks=[pytest.mark.slow] if g in BACKENDS else []) for g in CALLS],
)
def test_every_vector_passes_and_is_answered_as_without_a_wire(
    transport: str, codec: str, group: str
) -> None:
    arm = run(transport, codec, group)
    assert [(bad.vector.id, bad.failure, bad.reason) for bad in arm.bad()] == []
    assert arm.totals()["pass"]
    assert disagreements([without_a_wire(group), arm]) == ()


def test_each_transport_with_a_wire_of_its_own_has_vectors_of_bytes() -> None:
    assert set(OF_BYTES) == {"grpc", "http", "jsonrpc"}


@pytest.mark.parametrize(
    "group", [pytest.param(g, marks=[pytest.mark.slow] if g == "raw limits" else []) for g in RAW]
)
@pytest.mark.parametrize("wire", OF_BYTES)
def test_every_vector_of_bytes_passes(wire: str, group: str) -> None:
    arm = run(wire, load_transport(wire).traits.codecs[0], group)
    assert [(bad.vector.id, bad.failure, bad.reason) for bad in arm.bad()] == []
    assert arm.totals()["pass"] == len(arm.outcomes)
