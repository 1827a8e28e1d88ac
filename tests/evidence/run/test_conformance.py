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
