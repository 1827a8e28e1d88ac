"""How the words of a command line become the arguments of a command, and what --help shows."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from transportlab.cli.commands import COMMANDS, Table
from transportlab.cli.parser import Command, at_least, command, flag, option, repeated

Run = Callable[..., Any]


@pytest.fixture
def given() -> dict[str, Any]:
    """What the command of the fixture `sample` was last called with."""
    return {}


@pytest.fixture
def sample(given: dict[str, Any]) -> Command:
    @command(
        option("names", nargs="+", metavar="NAME..."),
        option("--level", type=at_least(0.5), default=1.0, metavar="N"),
        option("--count", type=at_least(1, int), metavar="N"),
        option("--out", type=Path, metavar="FILE"),
        repeated("--pair", metavar="NAME=VALUE"),
        flag("--json", dest="as_json"),
    )
    def function(**values: Any) -> int:
        """Do it."""
        given.clear()
        given.update(values)
        return 7

    return function


USUAL: dict[str, Any] = {"level": 1.0, "count": None, "out": None, "pair": [], "as_json": False}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("a", {"names": ["a"]}),
        ("a b --json", {"names": ["a", "b"], "as_json": True}),
        ("a --json b", {"names": ["a", "b"], "as_json": True}),
        ("--out=x a", {"names": ["a"], "out": Path("x")}),
        ("--out x a", {"names": ["a"], "out": Path("x")}),
        ("--out -x a", {"names": ["a"], "out": Path("-x")}),
        ("--out --json a", {"names": ["a"], "out": Path("--json")}),
        ("-- -- a", {"names": ["--", "a"]}),
        ("--pair a=b --pair=c=d=e - ", {"names": ["-"], "pair": ["a=b", "c=d=e"]}),
        ("--json -- --out -x", {"names": ["--out", "-x"], "as_json": True}),
        ("a --level 0.5 --level 2", {"names": ["a"], "level": 2.0}),
        ("a --level inf --count 3", {"names": ["a"], "level": float("inf"), "count": 3}),
    ],
)
def test_words_become_values(
    sample: Command, given: dict[str, Any], words: str, wanted: dict[str, Any]
) -> None:
    assert sample("program", words.split()) == 7
    assert given == USUAL | wanted


def test_the_values_of_one_call_are_not_those_of_the_next(
    sample: Command, given: dict[str, Any]
) -> None:
    sample("program", ["a", "--pair", "x=y"])
    sample("program", ["a"])
    assert given["pair"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "the following arguments are required: NAME..."),
        ("a --jsom", 'no such option: "--jsom"; is it --json?'),
        ("a --leve 2", 'no such option: "--leve"; is it --level?'),
        ("a --q=2", 'no such option: "--q"'),
        ("a -j", 'no such option: "-j"'),
        ("a --json=1", "--json: takes no value"),
        ("a --out", "--out: a value is missing"),
        ("--out -- a", "--out: a value is missing"),
        ("--out= a", "--out: the value is empty"),
        ("a --level nan", '--level: expected a number of at least 0.5, got "nan"'),
        ("a --level 0.4", '--level: expected a number of at least 0.5, got "0.4"'),
        ("a --count 1.5", '--count: expected a whole number of at least 1, got "1.5"'),
        ("a --count -1", '--count: expected a whole number of at least 1, got "-1"'),
    ],
)
def test_wrong_words_are_an_error_that_says_where_help_is(
    sample: Command, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    with pytest.raises(SystemExit) as end:
        sample("program", words.split())
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {told}\n  see `program --help`\n")


def test_an_empty_argument_is_refused(sample: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sample("program", ["a", ""])
    assert end.value.code == 2
    assert "an argument is empty" in capsys.readouterr().err


def test_a_command_without_arguments_takes_none(run: Run) -> None:
    done = run("transports", "these")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith('error: unexpected argument: "these"\n')


def test_a_switch_can_be_turned_off_again(call: Callable[..., Any]) -> None:
    assert call("drift", "--exit-on-drift").code == 5
    assert call("drift", "--exit-on-drift", "--no-exit-on-drift").code == 0


@pytest.mark.parametrize("group", [[], ["plugins"]])
def test_without_a_command_there_is_help_and_it_is_wrong_usage(run: Run, group: list[str]) -> None:
    done = run(*group)
    assert (done.code, done.err) == (2, "")
    asked = run(*group, "--help")
    assert (asked.code, asked.out) == (0, done.out)


def test_a_wrong_command_is_told_with_the_nearest_and_all(run: Run) -> None:
    done = run("plugins", "lits")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'error: no such command: "lits"; is it list?\n'
        "  there are list, diagnose, pin, verify\n"
        "  see `transportlab plugins --help`\n"
    )
    assert "is it --version?" in run("--versoin").err


def commands(table: Table, *before: str) -> Iterator[tuple[list[str], str, str]]:
    """The words of each command, where it is, and its line of help."""
    for name, (place, line) in table.items():
        if isinstance(place, str):
            yield [*before, name], place, line
        else:
            yield from commands(place, *before, name)


@pytest.mark.parametrize(("words", "place", "line"), list(commands(COMMANDS)))
def test_the_table_says_what_the_commands_do(words: list[str], place: str, line: str) -> None:
    module, _, name = place.partition(":")
    found = getattr(import_module(f"transportlab.cli.{module}"), name)
    assert isinstance(found, Command)
    assert " ".join((found.function.__doc__ or "").partition("\n\n")[0].split()) == line


def test_an_option_takes_a_value_in_every_command_or_in_none() -> None:
    kinds: dict[str, set[bool]] = {}
    for _, place, _ in commands(COMMANDS):
        module, _, name = place.partition(":")
        for word, how in getattr(import_module(f"transportlab.cli.{module}"), name).options:
            bare = how.get("action") not in (None, "append")
            kinds.setdefault(word, set()).add(bare)
    assert kinds["--json"] == {True}
    assert kinds["--json-file"] == {False}
    assert [word for word, found in kinds.items() if len(found) > 1] == []


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(("words", "place", "line"), [*commands(COMMANDS), ([], "", "")])
def test_help_fits_the_terminal(
    run: Run, words: list[str], place: str, line: str, columns: int
) -> None:
    done = run(*words, "--help", COLUMNS=str(columns))
    assert (done.code, done.err) == (0, "")
    assert all(len(text) <= columns for text in done.out.splitlines())
    assert "--help" in done.out
