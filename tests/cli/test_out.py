"""How lines and tables look on a terminal and elsewhere."""

import io

import pytest

from transportlab.cli.out import MAX_TOLD, Out, tell_error


@pytest.fixture(autouse=True)
def _a_usual_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def printed(*, terminal: bool) -> list[str]:
    file = io.StringIO()
    out = Out(file, terminal=terminal)
    for style in ("", "red", "green", "yellow", "bold", "dim"):
        out.print("text", style)
    return file.getvalue().splitlines()


def test_lines_have_colours_on_a_terminal_only() -> None:
    assert printed(terminal=True) == [
        "text",
        *(f"\x1b[{code}mtext\x1b[0m" for code in (31, 32, 33, 1, 2)),
    ]
    assert printed(terminal=False) == ["text"] * 6


@pytest.mark.parametrize("value", ["1", "0", "no"])
def test_no_color_takes_the_colours_and_leaves_the_weight(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    assert printed(terminal=True) == ["text"] * 4 + ["\x1b[1mtext\x1b[0m", "\x1b[2mtext\x1b[0m"]


def test_an_empty_no_color_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[31m" in printed(terminal=True)[1]


@pytest.mark.parametrize("name", ["dumb", "unknown", "DUMB"])
def test_a_terminal_that_can_do_nothing_gets_plain_text(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TERM", name)
    assert printed(terminal=True) == ["text"] * 6


def test_a_table_in_a_pipe_is_one_line_a_row_however_long() -> None:
    file = io.StringIO()
    Out(file).table(["NAME", "VALUE"], [["a", "x" * 300], ["bcd\x1b", "[y]"]])
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        "NAME     VALUE",
        "a        " + "x" * 300,
        "bcd\\x1b  [y]",
    ]


def test_a_table_that_fits_looks_as_rich_would_show_it() -> None:
    rows = [["a", "", "x" * 30], ["some words", "[bold]b[/]", ""], ["", "b", ":smile:"]]
    for lines in ([], rows[:1], rows):
        plain, laid_out = io.StringIO(), io.StringIO()
        head = ["", "NAME", "A LONGER HEAD"]
        Out(plain).table(head, lines)
        Out(laid_out).table([*head, "é"], [[*line, ""] for line in lines])  # not ASCII: by rich
        assert plain.getvalue().splitlines() == [
            line[: -len("  é")] for line in laid_out.getvalue().splitlines()
        ]


def test_wide_characters_take_two_columns() -> None:
    file = io.StringIO()
    Out(file).table(["A", "B"], [["表", "x"], ["ab", "y"]])
    assert file.getvalue().splitlines() == ["A   B", "表  x", "ab  y"]


def test_a_table_on_a_terminal_is_as_wide_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = io.StringIO()
    Out(file, terminal=True).table(["NAME", "VALUE"], [["a", "word " * 30]])
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("\x1b[1m")
    assert len(lines) > 3
    assert all(len(line) <= 40 for line in lines[1:])


def test_text_is_wrapped_at_words_and_long_words_are_folded() -> None:
    out = Out(io.StringIO(), width=30)
    assert out.wrapped("one two three\nfour " + "x" * 25, beside=10) == [
        "one two three",
        "four",
        "x" * 20,
        "x" * 5,
    ]


def test_an_error_is_cut_and_imitates_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell_error("one\nerror: two\n  warning: three\x1b")
    assert capsys.readouterr().err == ("error: one\n  | error: two\n  |   warning: three\\x1b\n")
    tell_error("x" * (MAX_TOLD + 1))
    assert capsys.readouterr().err.endswith(f"x... ({MAX_TOLD + 1} characters)\n")
