"""What a command declares, and how its words become the arguments of its function."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from transportlab.cli.out import tell_error
from transportlab.cli.streams import EXIT_USAGE
from transportlab.quote import nearest, quote

Option = tuple[str, Mapping[str, Any]]
"""The name of an option, or of an argument without dashes, and what argparse takes with it."""

Function = Callable[..., int | None]

HELP_COLUMN = 38
"""Where the text of an option begins, if its name and value are shorter."""


def option(name: str, **how: Any) -> Option:
    """An option with a value, or an argument. how: see argparse's add_argument()."""
    return name, how


def flag(name: str, **how: Any) -> Option:
    """An option without a value."""
    return name, {"action": "store_true", **how}


def repeated(name: str, **how: Any) -> Option:
    """An option whose values are a list, as it may be given several times."""
    return name, {"action": "append", "default": [], **how}


def at_least(least: float, kind: type[float] | type[int] = float) -> Callable[[str], float]:
    """The type of an option whose value is a number, and not less than this."""
    noun = "a whole number" if kind is int else "a number"

    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(least) - 1
        if not value >= least:  # NaN is not
            raise argparse.ArgumentTypeError(
                f"expected {noun} of at least {least}, got {quote(text)}"
            )
        return value

    return number


class Command(Struct, frozen=True):
    """A function, called with the values of its options by keyword; it returns the exit status."""

    function: Function
    options: Sequence[Option]

    def __call__(self, program: str, words: Sequence[str]) -> int:
        """Call the function with what the words say. Raises SystemExit for help and wrong words."""
        return self.function(**vars(_Parser(program, self).parse(words))) or 0


def command(*options: Option) -> Callable[[Function], Command]:
    """Make a Command of the function, whose docstring is the text of --help."""
    return lambda function: Command(function, options)


_HELP = flag("--help", action="help", help="Show this message and exit; also -h.")

_KINDS = ("argument", "required option", "option")
"""The groups of --help."""


def _kind(name: str, how: Mapping[str, Any]) -> int:
    return 0 if not name.startswith("-") else 1 if how.get("required") else 2


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=HELP_COLUMN)


class _Parser(argparse.ArgumentParser):
    """argparse's, with errors of ours, and with options whose values may begin with a dash."""

    def __init__(self, program: str, command: Command) -> None:
        text, _, more = (command.function.__doc__ or "").partition("\n\n")
        places = [how["metavar"] for name, how in command.options if not name.startswith("-")]
        super().__init__(
            program,
            usage=" ".join([program, "[OPTION ...]", *places]),
            description=text,
            epilog=more,
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        self._takes_arguments = bool(places)
        self._takes_value: dict[str, bool] = {}
        groups = [self.add_argument_group(f"{kind}s") for kind in _KINDS]
        for name, how in (*command.options, _HELP):
            action = groups[_kind(name, how)].add_argument(name, **how)
            self._takes_value |= dict.fromkeys(action.option_strings, action.nargs != 0)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The values by name. Options may be given before and after arguments."""
        options, arguments = self._sorted(words)
        if _HELP[0] in options:  # argparse would not mind a stdout that takes nothing
            print(self.format_help(), end="")
            raise SystemExit(0)
        if not all(argument.strip() for argument in arguments):
            self.error("an argument is empty")
        if arguments and not self._takes_arguments:
            self.error(f"unexpected argument: {quote(arguments[0])}")
        return self.parse_args([*options, *(["--", *arguments] if arguments else [])])

    def _sorted(self, words: Iterable[str]) -> tuple[list[str], list[str]]:
        """The options, each in one word with its value, and the arguments.

        argparse itself takes no value that begins with a dash.
        """
        options: list[str] = []
        arguments: list[str] = []
        rest = iter(words)
        for word in rest:
            name, equals, value = word.partition("=")
            if word == "--":
                arguments.extend(rest)
            elif word == "-h":
                options.append(_HELP[0])
            elif word == "-" or not word.startswith("-"):
                arguments.append(word)
            elif (takes_value := self._takes_value.get(name)) is None:
                self.error(_no_such("option", name, self._takes_value))
            elif takes_value:
                value = value if equals else next(rest, "--")
                if value == "--":  # argparse would drop it
                    self.error(f"{name}: a value is missing")
                if not value.strip():  # a variable of a script that is not set
                    self.error(f"{name}: the value is empty")
                options.append(f"{name}={value}")
            elif equals:
                self.error(f"{name}: takes no value")
            else:
                options.append(name)
        return options, arguments

    def error(self, message: str) -> NoReturn:
        """Tell the error, and where help is."""
        raise SystemExit(_wrong(self.prog, message.removeprefix("argument ")))


def overview(
    program: str, summary: str, options: Mapping[str, str], commands: Mapping[str, str]
) -> str:
    """The help of a program that has commands. Options and commands have their lines of help."""
    parser = argparse.ArgumentParser(
        program,
        usage=f"{program} COMMAND [OPTION ...]",
        description=summary,
        epilog=f"`{program} COMMAND --help` tells more of a command.",
        formatter_class=_Formatter,
        add_help=False,
    )
    places = parser.add_argument_group("commands")
    for name, line in commands.items():
        places.add_argument(name, help=line)
    group = parser.add_argument_group("options")
    for name, line in options.items():
        group.add_argument(name, action="store_true", help=line)
    return parser.format_help().rstrip()


def unknown(program: str, word: str, options: Iterable[str], commands: Iterable[str]) -> int:
    """Tell that there is no such option or command; return the exit status."""
    if word.startswith("-"):
        return _wrong(program, _no_such("option", word, options))
    listed = f"\n  there are {', '.join(commands)}"
    return _wrong(program, _no_such("command", word, commands) + listed)


def _no_such(what: str, word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"no such {what}: {quote(word)}" + (f"; is it {near}?" if near else "")


def _wrong(program: str, message: str) -> int:
    tell_error(f"{message}\n  see `{program} --help`")
    return EXIT_USAGE
