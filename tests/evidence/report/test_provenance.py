"""Where the figures come from."""


def test_the_run_its_machine_and_its_gaps_are_in_the_report(report: str) -> None:
    assert "ffi-json: no libraries were built (no C compiler)" in report
    assert "Linux \\| 6" in report
    assert "flags x, y" in report
    assert "| seconds stolen during a block | 0.25 to 0.25 |" in report
    assert "transportlab reproduce" in report


def test_the_conformance_of_each_arm_is_in_the_report(report: str) -> None:
    assert "| grpc-protobuf | 1 | 1 | 1 | 0 | 0 |" in report
    assert "grpc-protobuf fails read/one" in report
