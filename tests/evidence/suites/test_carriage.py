import pytest

from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort
from transportlab.evidence.suites.carriage import LARGE, echo_call, effort_for, floor_call


def test_an_echo_that_loses_bytes_is_noticed(direct: Task) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        floor_call(lambda payload: payload[1:], 10)()
    with (
        direct.open({"faults": "Read=size:3"}) as opened,
        pytest.raises(RuntimeError, match="something else"),
    ):
        echo_call(opened, 10)()


def test_a_large_payload_takes_one_call() -> None:
    usual = Effort(0.01, 3, 100)
    assert effort_for(LARGE, usual).least == 1
    assert effort_for(64, usual) == usual
