import pytest

from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.session import check, measure


def test_a_session_is_a_command_from_its_start_to_its_end(task: Task) -> None:
    found = {(sample.case, sample.metric): sample.value for sample in measure(task)}
    cases = ("dozen", "dozen-in-memory")
    assert list(found) == [(case, metric) for case in cases for metric in ("total", "cpu")]
    assert min(found.values()) > 0.01, "an interpreter alone takes longer"


def test_a_session_that_did_not_do_its_work_is_no_sample() -> None:
    check(True, "")
    with pytest.raises(RuntimeError, match="did not do its work: a foreign line is gone"):
        check(False, "a foreign line is gone")
