import pytest

from transportlab import model
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.session import FOREIGN, check, measure


def test_a_session_leaves_the_jobs_and_the_foreign_lines(task: Task) -> None:
    found = {sample.metric: sample.value for sample in measure(task)}
    phases = ("start", "manifest", "opened", "plan", "apply", "exit")
    assert found["total"] == pytest.approx(sum(found[phase] for phase in phases), rel=0.01)


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (b"", model.Counts(created=12)),
        (FOREIGN, model.Counts(created=11)),
        (FOREIGN, None),
    ],
)
def test_a_session_that_did_not_do_its_work_is_no_sample(
    content: bytes, counts: model.Counts | None
) -> None:
    with pytest.raises(RuntimeError, match="did not do its work"):
        check(content, counts, 12)
