"""The conformance matrix of an evidence file."""

from transportlab.conformance.vectors import load_vectors
from transportlab.evidence.run.conformance import conformance
from transportlab.evidence.run.plan import transport_arms


def test_every_arm_has_the_results_of_all_vectors() -> None:
    vectors = [v for v in load_vectors() if v.id.startswith("read")][:2]
    arms = transport_arms()[0]
    arms = [arms[0], arms[-1]]  # one in this process, and one with a plugin of its own
    found = conformance(arms, vectors)
    assert found.vectors == len(vectors)
    assert [(one.transport, one.codec) for one in found.results] == [
        (arm.transport, arm.codec) for arm in arms
    ]
    assert all(sum(one.totals.values()) == len(vectors) for one in found.results)
    assert not any(one.failures for one in found.results)


def test_vectors_of_bytes_count_for_their_own_transport() -> None:
    vectors = [v for v in load_vectors() if v.id in ("read-empty", "http-a-request-in-json")]
    arms = [arm for arm in transport_arms()[0] if arm.id in ("http-json", "jsonrpc-json")]
    found = {one.transport: one for one in conformance(arms, vectors).results}
    assert sum(found["http"].totals.values()) == 2
    assert sum(found["jsonrpc"].totals.values()) == 1
    assert not any(one.failures for one in found.values())
