"""`transportlab completion`: scripts that complete the command line in bash, zsh and fish."""

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from transportlab.cli.commands import COMMANDS, Table
from transportlab.cli.parser import Command, command, option
from transportlab.registry import transport_names

SHELLS = ("bash", "zsh", "fish")


class Completed(NamedTuple):
    """What is completed after a command's words: further words, and options with their values."""

    words: str
    line: str
    further: list[str]
    options: list[str]


@command(option("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish."))
def completion(*, shell: str) -> None:
    """Print a script that completes this command's words in a shell.

    bash: `source <(transportlab completion bash)` in ~/.bashrc; zsh: the same in ~/.zshrc, after
    compinit; fish: `transportlab completion fish > ~/.config/fish/completions/transportlab.fish`.
    """
    found = list(_completed(COMMANDS, "", ""))
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](found), end="")


def _completed(table: Table, words: str, line: str) -> Iterator[Completed]:
    options = ["--help"] if words else ["--help", "--version"]
    names = [name.removeprefix(f"{words} ") for name in table]
    yield Completed(words, line, [name for name in names if " " not in name], options)
    for name, (place, about) in table.items():
        path = f"{words} {name}".strip()
        if isinstance(place, str):
            module, _, member = place.partition(":")
            found = getattr(import_module(f"transportlab.cli.{module}"), member)
            further = [other.partition(" ")[2] for other in table if other.startswith(f"{name} ")]
            yield Completed(path, about, further, _options(found))
        else:
            yield from _completed(place, path, about)


def _options(found: Command) -> list[str]:
    return [*(name for name, _ in found.options if name.startswith("-")), "--help"]


def _bash(found: list[Completed]) -> str:
    """A function for bash. The longest command that the words begin with decides."""
    known = "|".join(f'"{one.words}"' for one in found if one.words)
    cases = "".join(
        f'        "{one.words}") words="{" ".join([*one.further, *one.options])}" ;;\n'
        for one in found
        if one.words
    )
    return f"""\
_transportlab() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local path="" word words
    if [[ $before == --transport ]]; then
        COMPREPLY=($(compgen -W "{" ".join(transport_names())}" -- "$current"))
        return
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        [[ $word == -* ]] && break
        case "${{path:+$path }}$word" in
            {known})
                path="${{path:+$path }}$word" ;;
            *) break ;;
        esac
    done
    case "$path" in
        "") words="{" ".join([*found[0].further, *found[0].options])}" ;;
{cases}    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o bashdefault -o default -F _transportlab transportlab
"""


def _zsh(found: list[Completed]) -> str:
    """bash's function, by the wrapper that zsh has for such ones."""
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(found)}"


def _fish(found: list[Completed]) -> str:
    """One line for each word and each option."""
    lines = []
    for one in found:
        after = one.words.split()
        seen = "".join(f"; and __fish_seen_subcommand_from {word}" for word in after)
        if not after:
            seen = f"; and not __fish_seen_subcommand_from {' '.join(one.further)}"
        condition = f"-n 'true{seen}'"
        abouts = {other.words: other.line for other in found}
        for word in one.further:
            about = abouts.get(f"{one.words} {word}".strip(), "")
            lines.append(f"complete -c transportlab -f {condition} -a {word} -d {_quoted(about)}")
        for name in one.options:
            values = f" -x -a '{' '.join(transport_names())}'" if name == "--transport" else ""
            lines.append(f"complete -c transportlab {condition} -l {name[2:]}{values}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
