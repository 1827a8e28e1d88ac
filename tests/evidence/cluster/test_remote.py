"""The functions that a Dask worker runs, called here as its thread and its event loop call them."""

import asyncio
import threading

import msgspec
import pytest

from transportlab.evidence.cluster import remote
from transportlab.evidence.cluster.agent import Answer, Order
from transportlab.evidence.cluster.remote import AgentFailed, call, stop
from transportlab.evidence.run.plan import transport_arms

ORDER = msgspec.json.encode(Order("smoke", 7, ("session",), (transport_arms()[0][0].id,)))
pytestmark = pytest.mark.timeout(1800)

HANG_GUARD = 1500.0
"""It may have to wait for agents of other tests: only one of a machine is at work at a time."""


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_stopped", set())


def test_an_order_is_answered_and_the_nannys_variables_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "6640")
    found = msgspec.json.decode(call("a run", ORDER), type=Answer)
    assert found.plan == [("session", "unpinned", 0)]
    assert found.evidence.facts["python"]["hash_seed"] == "random"


def test_a_failed_agent_is_an_error_with_its_last_line() -> None:
    with pytest.raises(AgentFailed, match="DecodeError: JSON is malformed"):
        call("a run", b"nonsense")


@pytest.mark.usefixtures("occupied")
def test_the_agents_of_a_stopped_run_end_and_it_starts_none() -> None:
    ended: list[str] = []

    def called() -> None:
        try:
            call("a run", ORDER)
        except AgentFailed as error:
            ended.append(str(error))

    thread = threading.Thread(target=called)
    thread.start()
    asyncio.run(stop("another run"))
    thread.join(0.1)
    assert thread.is_alive()
    asyncio.run(stop("a run"))
    thread.join(HANG_GUARD)
    assert len(ended) == 1
    with pytest.raises(AgentFailed):
        call("a run", ORDER)


@pytest.mark.usefixtures("occupied")
def test_an_agent_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "KILL_SECONDS", 0.0)

    def called() -> None:
        with pytest.raises(AgentFailed):
            call("a run", ORDER)

    thread = threading.Thread(target=called)
    thread.start()
    asyncio.run(stop("a run"))
    thread.join(HANG_GUARD)
    assert not thread.is_alive()
