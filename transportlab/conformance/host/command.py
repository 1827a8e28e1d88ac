"""The host's command as a template: how a vector becomes the words of one run.

    mine {verb} --manifest {manifest} --backend {backend} --transport {transport} {options}

{options} stands for what a vector sets besides, as OPTIONS writes it. A command whose options have
other names has groups of its own in place of {options}: words in square brackets, which are left
out unless the vector sets what stands in the braces, and are repeated for each value of it.

    mine {verb} -m {manifest} -b {backend} -t {transport} [--deadline {timeout}] [{log}--verbose]
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from transportlab.errors import UsageError
from transportlab.quote import quote

OPTIONS = (
    "[--backend-config {config}] [--backend-config-file {secret}] [--timeout {timeout}]"
    " [--handshake-timeout {handshake}] [{log}--log]"
)
"""config and secret are NAME=VALUE and NAME=PATH; times are in seconds; log has no value."""

PLACES = "--manifest {manifest} --backend {backend} --transport {transport} {options}"

OWN = f"{shlex.quote(sys.executable)} -m transportlab {{verb}} {PLACES}"
"""The lab's own host."""

REQUIRED = ("verb", "manifest", "backend", "transport")
OPTIONAL = ("config", "secret", "timeout", "handshake", "log")

_PLACE = re.compile(r"\{(\w+)\}")


class Template(Struct, frozen=True):
    """A parsed command. Each part is a group of words, and whether it may be left out."""

    parts: tuple[tuple[tuple[str, ...], bool], ...]

    @property
    def places(self) -> frozenset[str]:
        """The names that stand in braces."""
        return frozenset(
            name for words, _ in self.parts for name in _PLACE.findall(" ".join(words))
        )

    def located(self) -> "Template":
        """The same with its program's path, as vectors run elsewhere. Raises UsageError."""
        [program, *words], optional = self.parts[0]
        if optional or _PLACE.search(program):
            return self
        path = shutil.which(program)
        if path is None:
            what = "cannot be executed" if os.path.exists(program) else "no such program"
            raise UsageError(f"--command: {quote(program)}: {what}")
        rest = self.parts[1:]
        return replace(self, parts=(((os.path.abspath(path), *words), optional), *rest))

    def words(self, values: Mapping[str, Sequence[str]]) -> list[str]:
        """The words of a run. values: for each name what is set; none leaves its group out."""
        found: list[str] = []
        for words, optional in self.parts:
            names = _PLACE.findall(" ".join(words))
            many = [values.get(name, ()) for name in names]
            for each in zip(*many, strict=True) if optional else [[v[0] for v in many]]:
                found += [_filled(word, dict(zip(names, each, strict=True))) for word in words]
        return found


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: values[match[1]], word)


def parse_template(command: str) -> Template:
    """Parse a command. Raises UsageError."""
    try:
        words = shlex.split(command.replace("{options}", OPTIONS))
    except ValueError as error:
        raise UsageError(f"--command: {error}") from error
    parts: list[tuple[tuple[str, ...], bool]] = []
    group: list[str] | None = None
    for word in words:
        if word.startswith("[") and group is None:
            group, word = [], word[1:]  # noqa: PLW2901  # the bracket is no part of the word
        if group is None:
            parts.append(((word,), False))
        elif word.endswith("]"):
            parts.append(((*group, word[:-1]), True))
            group = None
        else:
            group.append(word)
    if group is not None:
        raise UsageError("--command: a bracket is not closed")
    template = Template(tuple(parts))
    _check(template)
    return template


def _check(template: Template) -> None:
    for name in template.places:
        if name not in (*REQUIRED, *OPTIONAL):
            known = ", ".join((*REQUIRED, "options", *OPTIONAL))
            raise UsageError(f"--command: unknown place {{{name}}}; there are {known}")
    for words, optional in template.parts:
        names = set(_PLACE.findall(" ".join(words)))
        if optional != bool(names & set(OPTIONAL)) or (optional and len(names) != 1):
            raise UsageError(
                f"--command: {' '.join(words)}: each of {', '.join(OPTIONAL)} stands in a bracket"
                " of its own, and nothing else does"
            )
    for name in REQUIRED:
        if name not in template.places:
            raise UsageError(f"--command: {{{name}}} is missing")
