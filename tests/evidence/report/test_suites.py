"""Every ratio of every suite."""

from transportlab.evidence.report.suites import natural


def test_every_suite_and_placement_has_a_table(details: str) -> None:
    section = details.partition("## All suites\n")[2].partition("\n## ")[0]
    suites = ["carriage", "concurrency", "handshake", "session", "unary"]
    assert (
        sorted(
            line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")
        )
        == suites
    )
    assert "host transportlab (Python); placement: split</summary>" in section
    assert "<summary>Go, host cronix-host (Go); placement: same</summary>" in section
    row = next(line for line in section.splitlines() if line.startswith("| dozen total |"))
    assert row.endswith("| 10 blocks of 1 run, 20 processes of 1 call |")  # of both sides


def test_numbers_in_cases_are_sorted_as_numbers() -> None:
    cases = [("Read/10", "latency"), ("Read/9", "latency"), ("Plan/1", "rate"), ("imports", "x")]
    assert sorted(cases, key=natural) == [cases[2], cases[1], cases[0], cases[3]]
