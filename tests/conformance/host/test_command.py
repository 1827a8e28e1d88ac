"""The template of a host's command, and the words that a vector makes of it."""

from pathlib import Path
from typing import Any

import pytest

from transportlab.conformance.host.command import OWN, parse_template
from transportlab.errors import UsageError

PLAIN = "mine {verb} -m {manifest} -b {backend} -t {transport}"
VALUES = {"verb": ["plan"], "manifest": ["m n"], "backend": ["b"], "transport": ["t"]}


def words(command: str, **more: Any) -> list[str]:
    return parse_template(command).words({**VALUES, **more})


def test_places_are_filled_and_values_stay_one_word() -> None:
    assert words(PLAIN) == ["mine", "plan", "-m", "m n", "-b", "b", "-t", "t"]
    assert words("'my host' {verb}:{manifest} {backend} {transport}")[:2] == ["my host", "plan:m n"]


def test_a_group_is_left_out_or_there_for_each_value() -> None:
    command = PLAIN + " [--set {config}] [--deadline={timeout}] [{log}--verbose]"
    assert words(command) == words(PLAIN)
    more = words(command, config=["a=1", "b={verb}"], timeout=["7"], log=[""])[8:]
    assert more == ["--set", "a=1", "--set", "b={verb}", "--deadline=7", "--verbose"]


def test_options_are_those_of_the_labs_own_command() -> None:
    own = parse_template(OWN).words({**VALUES, "secret": ["a=/b"], "handshake": ["3"], "log": [""]})
    assert own[-5:] == ["--backend-config-file", "a=/b", "--handshake-timeout", "3", "--log"]


def test_the_program_is_found_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    host = tmp_path / "host"
    host.write_text("#!/bin/sh\n")
    template = parse_template(PLAIN.replace("mine", "./host"))
    with pytest.raises(UsageError, match=r'^--command: "./host": cannot be executed$'):
        template.located()
    host.chmod(0o755)
    assert template.located().words(VALUES) == [str(host), *words(PLAIN)[1:]]
    with pytest.raises(UsageError, match='"nosuchprog": no such program'):
        parse_template(PLAIN.replace("mine", "nosuchprog")).located()
    within = parse_template("host-{verb} {manifest} {backend} {transport}")
    assert within.located() == within


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("mine {verb}", "{manifest} is missing"),
        (PLAIN + " {colour}", "unknown place {colour}; there are"),
        (PLAIN + " [--set {config}", "a bracket is not closed"),
        (PLAIN + " --deadline {timeout}", "stands in a bracket of its own"),
        (PLAIN + " [--x {timeout} {config}]", "stands in a bracket of its own"),
        (PLAIN + " [{verb}]", "stands in a bracket of its own"),
        ("'mine {verb}", "--command: No closing quotation"),
    ],
)
def test_what_is_no_template_is_refused(command: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_template(command)
    assert said in str(caught.value)
