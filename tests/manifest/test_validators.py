"""The single strings of a manifest: what is taken, what is refused, what is not shown."""

import zoneinfo
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.manifest import validators
from transportlab.manifest.validators import header_value_problem, timezone_problem, url_problem

Validator = Callable[[str], str | None]
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("validator", "texts"),
    [
        (validators.name_problem, ["a", "a-", "a1-b--2", "a" * 63]),
        (validators.secret_ref_problem, ["A", "z_:./-9", "a" * 128]),
        (validators.sha256_problem, [HEX]),
        (validators.header_name_problem, ["Accept", "X-Tenant", "x_1", "!#$%&'*+.^`|~"]),
        (validators.header_value_problem, ["", "a\tb", "é", " x ", 'W/"1"']),
        (validators.timezone_problem, ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires"]),
        (
            validators.url_problem,
            [
                "http://h",
                "HTTPS://H/",
                "https://example.com:8443/a/b?q=100%&x=<y>#f",
                "http://user:pass@example.com/",
                "http://127.0.0.1:0",
                "http://[::1]:80/x",
                "http://h:",
                "http://bücher.example/straße",
                "http://h/%20%2F",
                "https://a.b-c_d~e/x",
            ],
        ),
    ],
)
def test_valid_texts_have_no_problem(validator: Validator, texts: list[str]) -> None:
    assert [validator(text) for text in texts] == [None] * len(texts)


@pytest.mark.parametrize(
    ("validator", "texts"),
    [
        (validators.name_problem, ["", "A", "1a", "-a", "a_b", "a" * 64, "a\n", "é", "a b"]),
        (validators.secret_ref_problem, ["", "1A", "_A", "a b", "a" * 129, "a\n", "é"]),
        (
            validators.sha256_problem,
            ["", HEX[1:], HEX + "0", HEX.upper(), HEX + "\n", "g" + HEX[1:]],
        ),
        (validators.header_name_problem, ["", "a b", "a:", "a\r\n", "é", "(a)"]),
    ],
)
def test_a_text_that_does_not_match_is_answered_with_the_rule(
    validator: Validator, texts: list[str]
) -> None:
    for text in texts:
        problem = validator(text) or ""
        assert problem.startswith("expected ")
        assert ", got " in problem


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("", 'its scheme is ""'),
        ("//h/p", 'its scheme is ""'),
        ("example.com/p", 'its scheme is ""'),
        ("ftp://h", 'its scheme is "ftp"'),
        ("file:///etc/passwd", 'its scheme is "file"'),
        ("http:", 'its host is ""'),
        ("http://", 'its host is ""'),
        ("https:///p", 'its host is ""'),
        ("http://:80", 'its host is ""'),
        ("http://?q", 'its host is ""'),
        ("http://a|b/", 'its host is "a|b"'),
        ("http://a%41/", 'its host is "a%41"'),
        ("http://h:99999/", "its host or its port cannot be read"),
        ("http://h:x/", "its host or its port cannot be read"),
        ("http://[::1/", "its host or its port cannot be read"),
        ("http://[zz::1]/", "its host or its port cannot be read"),
        ("http://h/%zz", "a % without two hex digits"),
        ("http://h/#%4", "a % without two hex digits"),
        ("http://h/a b", "a space or a control character in it"),
        (" http://h/", "a space or a control character in it"),
        ("http://h/\r\nX: y", "a space or a control character in it"),
        ("http://h\t.example/", "a space or a control character in it"),
    ],
)
def test_what_is_no_http_url_with_a_host_is_said(url: str, wrong: str) -> None:
    problem = url_problem(url) or ""
    assert problem.startswith("expected an http or https URL with a host, got ")
    assert problem.endswith(f"({wrong})")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://u:s3cret@h",
        "http://u:s3cret@h:x/",
        "http://u:s3/cret@h",
        "u:s3cret@h",
        "http://u:s3cret@\u2100/",  # its compatible form has a slash: urlsplit shows all of it
    ],
)
def test_a_password_in_a_url_is_not_shown(url: str) -> None:
    assert "cret" not in (url_problem(url) or "cret")


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("s3cret\r\nX: y", '"\\r" at character 7'),
        ("\x00", '"\\u0000" at character 1'),
        ("a\x7f", '"\\u007f" at character 2'),
    ],
)
def test_a_header_value_is_refused_without_being_shown(value: str, got: str) -> None:
    expected = "expected a header value without control characters"
    assert header_value_problem(value) == f"{expected}, got {got}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("europe/paris", '; did you mean "Europe/Paris"?'),
        ("utc", '; did you mean "UTC"?'),
        ("Europe/Pariss", '; did you mean "Europe/Paris"?'),
        ("", ""),
        ("../../etc/passwd", ""),
        ("localtime", ""),
        ("+01:00", ""),
    ],
)
def test_an_unknown_time_zone_is_answered_with_the_nearest(name: str, hint: str) -> None:
    problem = f'expected the name of an IANA time zone, got "{name}"'
    assert timezone_problem(name) == problem + hint


def test_every_time_zone_that_is_taken_can_be_loaded() -> None:
    names = [name for name in zoneinfo.available_timezones() if timezone_problem(name) is None]
    assert len(names) > 400
    for name in names:
        zoneinfo.ZoneInfo(name)


VALIDATORS = [value for name, value in vars(validators).items() if name.endswith("_problem")]


@given(st.text() | st.text().map("http://{}".format), st.sampled_from(VALIDATORS))
def test_any_text_is_judged_and_a_problem_is_one_line(text: str, validator: Validator) -> None:
    problem = validator(text)
    assert problem is None or problem.isprintable()
