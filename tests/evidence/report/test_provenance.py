"""Where the figures come from, and how sure they are."""

from collections.abc import Callable
from typing import Any

from transportlab.evidence.report.document import Documents

DocumentsOf = Callable[..., Documents]
Synthesize = Callable[..., dict[str, Any]]


def test_the_run_its_machine_and_its_gaps_are_told(made: Documents) -> None:
    assert "ffi-json: no libraries were built (no C compiler)" in made.report
    assert "1 run with 60 blocks in all, of A CPU, ? CPUs, Linux | 6, Python 3.11" in made.report
    assert "commit 012345678901." in made.report
    assert "transportlab reproduce" in made.report
    assert "Linux \\| 6" in made.suites
    assert "flags x, y" in made.suites
    assert "| seconds stolen during a block | 0.25 to 0.25 |" in made.suites


def test_a_long_list_of_what_was_not_run_is_short_in_the_report(
    synthesize: Synthesize, documents_of: DocumentsOf
) -> None:
    found = synthesize(blocks=5)
    names = [
        f"python/plugin-{n}/grpc-json, python/plugin-{n}/http-json, python/more" for n in range(9)
    ]
    found["not_run"] = [{"what": name, "why": f"no {n // 2}"} for n, name in enumerate(names)]
    made = documents_of(found)
    assert "- python/plugin-0/grpc-json, ...: no 0." in made.report
    assert "- and 1 reasons more, in report/suites.md" in made.report
    assert made.suites.count("python/more: no ") == 9


def test_the_conformance_of_each_arm_is_told(details: str) -> None:
    assert "| grpc-protobuf | 1 | 1 | 1 | 0 | 0 |" in details
    assert "grpc-protobuf fails read/one" in details


def test_what_the_intervals_cover_is_told_for_the_counts_of_the_run(report: str) -> None:
    [line] = [one for one in report.splitlines() if one.startswith("- Intervals:")]
    assert "% hold the truth, in simulations of 4 kinds of data" in line
    assert "How runs differ is assumed, as it takes 3 to show." in line


def test_the_a_a_pair_is_a_check_for_bias(report: str) -> None:
    [line] = [one for one in report.splitlines() if one.startswith("- A/A:")]
    assert "do not hold 1; 5 % would by chance." in line


def test_cases_that_were_not_warm_are_told(
    synthesize: Synthesize, documents_of: DocumentsOf, made: Documents
) -> None:
    assert "whether they were warm is not known" in made.report
    found = synthesize(blocks=6)
    for block in found["blocks"]:
        for sample in block["samples"]:
            if sample["kind"] == "quantiles":
                slow = (sample["arm"], sample["case"]) == ("http-json", "Plan/256")
                sample |= {"halves": [1.0, 0.7 if slow else 1.01], "n": 7 if slow else 40}
    told = documents_of(found)
    [line] = [one for one in told.report.splitlines() if one.startswith("- Warm calls:")]
    assert "calls takes as long as the first, within 5%." in line
    assert "2 have fewer than 30 calls a process." in line  # two placements
    section = told.suites.partition("## Steady state\n")[2].partition("\n## ")[0]
    assert "| unary same http-json Plan/256 latency | 0.700 | 6 of 6 |" in section
    assert section.count("http-json") == 2
