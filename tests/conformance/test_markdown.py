"""The Markdown summary: all that decides, and nothing of a plugin's that becomes markup."""

from msgspec.structs import replace

from transportlab.conformance.markdown import MOST, code, markdown
from transportlab.conformance.result import ArmResult, Failure, Report, Status


def test_a_summary_says_the_verdict_the_totals_and_each_failure(report: Report) -> None:
    text = markdown(report, "./mine", "1", ["--plugin", "./mine"])
    assert text.startswith(
        "### `./mine` does not conform\n\n7 vectors, revision 1 of the protocol."
    )
    assert "| http-json | none | 2 | 2 | 1 | 1 | 1 | 0 |" in text
    replay = "`transportlab conformance --transport http --codec json --plugin ./mine --vector"
    assert f"; {replay} binding`" in text
    assert "- `http-json differs`: " in text
    assert "- http-json: 1 vector unsupported: `r`" in text


def test_known_fixed_and_advisory_have_places_of_their_own(report: Report) -> None:
    arm = report.arms[1]
    arm.outcomes[2].known = "issue 7 (until 2026-12-31)"
    arm.outcomes[3].advisory = True
    text = markdown(replace(report, arms=(arm,), fixed=("read-empty",)), "x", "1", [])
    assert "#### Known failures\n\n- `http-json binding`: `issue 7 (until 2026-12-31)`" in text
    assert "#### Advisory failures, which no revision requires yet\n\n- `http-json backend`" in text
    assert "#### Fixed\n\n- `read-empty`: it passes" in text


def test_a_part_of_the_vectors_reaches_no_level(report: Report) -> None:
    good = ArmResult("http", "json", True, report.arms[1].outcomes[:2])
    text = markdown(Report(report.vectors, (good,), ()), "x", "next", [], whole=False)
    assert text.startswith("### `x` passes these vectors")
    assert "| arm | pass |" in text


def test_many_failures_and_vectors_that_were_not_tried_are_counted(report: Report) -> None:
    one = report.arms[1].outcomes[2]
    many = [replace(one) for _ in range(MOST + 3)]
    text = markdown(Report((), (ArmResult("http", "json", True, many),), ()), "x", "1", [])
    assert "- and 3 more" in text
    for outcome in many:
        outcome.failure = Failure(0, "open a session", "no session opens: E-EXITED")
    text = markdown(Report((), (ArmResult("http", "json", True, many),), ()), "x", "1", [])
    assert f"- http-json: `no session opens: E-EXITED` ({MOST + 3} vectors not tried)" in text


def test_foreign_text_is_a_code_span() -> None:
    assert code("a") == "`a`"
    assert code("a `b`` c") == "``` a `b`` c ```"
    assert code("x|y\n# z\x1b") == "`x\\|y\\n# z\\x1b`"


def test_a_harness_error_is_a_failure_with_its_reason(report: Report) -> None:
    text = markdown(report, "x", "1", [])
    assert f"- `http-json error`: `{'r'}`" in text
    assert report.arms[1].outcomes[5].status is Status.HARNESS_ERROR
