"""Every ratio of every suite."""

from transportlab.evidence.report.suites import natural


def test_every_suite_and_placement_has_a_table(report: str) -> None:
    section = report.partition("## All suites\n")[2].partition("\n## ")[0]
    suites = ["carriage", "concurrency", "handshake", "session", "unary"]
    assert (
        sorted(
            line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")
        )
        == suites
    )
    assert "<summary>placement: same</summary>" in section
    row = next(line for line in section.splitlines() if line.startswith("| dozen total |"))
    assert row.endswith("| 20 | 20 |")  # processes and calls of both sides


def test_numbers_in_cases_are_sorted_as_numbers() -> None:
    cases = [("Read/10", "latency"), ("Read/9", "latency"), ("Plan/1", "rate"), ("imports", "x")]
    assert sorted(cases, key=natural) == [cases[2], cases[1], cases[0], cases[3]]
