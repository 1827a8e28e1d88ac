import msgspec

from transportlab.evidence.record import Arm
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.codec import measure, sizes


def test_codecs_are_measured_by_message_and_direction(direct: Task) -> None:
    task = msgspec.structs.replace(direct, arm=Arm("codec-json", "", "json", "arm"))
    found = {(sample.case, sample.metric) for sample in measure(task)}
    assert {("PlanRequest/256", "encode"), ("PlanRequest/256", "decode")} <= found


def test_the_bytes_of_a_message_depend_on_the_codec() -> None:
    assert sizes("json")["PlanRequest/256"] > sizes("protobuf")["PlanRequest/256"]
