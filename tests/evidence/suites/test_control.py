import msgspec
import pytest

from transportlab.evidence.run.plan import CONTROL_ARM
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.control import measure


@pytest.mark.parametrize(
    ("suite", "cases"), [("unary", ["echo/64"]), ("session", ["echo/64", "bare-spawn"])]
)
def test_a_bare_interpreter_starts_beside_suites_that_start_processes(
    direct: Task, suite: str, cases: list[str]
) -> None:
    task = msgspec.structs.replace(direct, arm=CONTROL_ARM)
    assert [sample.case for sample in measure(task, suite)] == cases
