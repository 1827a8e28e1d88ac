"""Errors: one tree, bounded texts, the same on every transport."""

import pytest

from transportlab import errors, model
from transportlab.cli.errors import error_text
from transportlab.errors import MAX_NAMES, MAX_TEXT, Code, PluginError, RpcError
from transportlab.model import ErrorDetails, Status


def test_every_error_is_a_lab_error() -> None:
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    assert len(kinds) == 10
    assert all(issubclass(kind, errors.LabError) for kind in kinds)
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_the_sixteen_codes_are_there() -> None:
    assert [int(code) for code in Code] == list(range(1, 17))


@pytest.mark.parametrize("code", Code)
def test_a_status_and_back_is_the_same_error(code: Code) -> None:
    details = model.ErrorDetails("R", "p", "e", "g", "a", ("x",), ("y",), ("z",))
    again = RpcError.from_status(RpcError(code, 'm "<&> é\u2028', details).to_status())
    assert (again.code, again.message, again.details) == (code, 'm "<&> é\u2028', details)


def test_an_unknown_code_becomes_unknown() -> None:
    assert RpcError.from_status(model.Status(99, "m")).code is Code.UNKNOWN
    assert RpcError.from_status(model.Status(0, "m")).code is Code.UNKNOWN


def test_long_texts_are_cut_and_say_so() -> None:
    status = RpcError(
        Code.INTERNAL, "x" * 100_000, model.ErrorDetails(got="é" * 100_000)
    ).to_status()
    for text in (status.message, status.details.got):
        assert MAX_TEXT - 2 < len(text.encode()) <= MAX_TEXT
    assert status.message.endswith("x... (100000 bytes in all)")
    assert status.details.got.endswith("é... (200000 bytes in all)")


def test_a_lone_surrogate_in_a_message_is_escaped() -> None:
    assert RpcError(Code.INTERNAL, "a\ud800").to_status().message == "a\\ud800"


def test_a_plugin_error_says_all_that_is_known() -> None:
    error = PluginError(
        "E-EXITED",
        "ended",
        "k8s",
        "/opt/k8s",
        version="1.4.0",
        expected="a line",
        got="nothing",
        exit="exit status 3",
        stderr=("boom: missing libfoo",),
        action="install libfoo",
    )
    for part in ("E-EXITED", "k8s", "/opt/k8s 1.4.0", "exit status 3", "boom", "install libfoo"):
        assert part in str(error)


def test_what_a_plugin_says_in_several_lines_passes_for_none_of_the_errors_own() -> None:
    foreign = "lost\n  the plugin ended with exit status 0\n  applied: all"
    error = PluginError("E-CALL", foreign, "k8s", got=foreign, action="read again")
    told = error_text(RpcError(Code.INTERNAL, foreign, model.ErrorDetails(action=foreign)))
    for line in [*str(error).splitlines()[1:], *told.splitlines()[1:]]:
        assert line.startswith(("  | ", "  expected ", "  read again", "  lost"))


def test_an_error_says_what_failed_what_was_expected_and_what_to_do() -> None:
    details = model.ErrorDetails(expected="state 1", got="state 2", action="plan again")
    assert error_text(RpcError(Code.ABORTED, "the state has changed", details)).splitlines()[
        1:
    ] == [
        "  expected state 1, got state 2",
        "  plan again",
    ]


def test_an_error_that_does_not_say_what_was_expected_does_not_say_nothing() -> None:
    details = model.ErrorDetails(got="Read-only file system")
    told = error_text(RpcError(Code.FAILED_PRECONDITION, "tab: refused", details))
    assert told.splitlines()[1:] == ["  got Read-only file system"]


def test_a_manifest_error_names_each_problem() -> None:
    problems = [errors.Problem("jobs/0", "bad"), errors.Problem("", "worse")]
    assert str(errors.ManifestError("m.json", problems)) == "m.json: jobs/0: bad\nm.json: worse"


def test_a_host_keeps_no_more_of_a_plugins_names_than_it_can_search() -> None:
    names = ("x" * 65536,) * 1000
    details = RpcError.from_status(Status(3, "", ErrorDetails(failed=names))).details
    assert {len(name) for name in details.failed} == {MAX_TEXT}
    assert sum(map(len, details.failed)) <= MAX_NAMES
    few = ErrorDetails(applied=("a",), unattempted=("b", "c"))
    assert RpcError.from_status(Status(3, "", few)).details == few
