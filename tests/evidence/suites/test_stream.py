import pytest

from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.stream import stream


def test_a_stream_that_ends_early_is_noticed(direct: Task) -> None:
    with (
        direct.open({"faults": "Apply=events:2"}) as opened,
        pytest.raises(RuntimeError, match="2 events after the first, not 5"),
    ):
        stream(opened, 5)
