"""A backend's configuration as options: given plainly, from a file, or from the environment.

A value from a file or the environment is a secret. It is never an argument of a process, and the
session keeps it out of every text (P-SESSION-4).
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

import msgspec

from transportlab.cli.parser import repeated
from transportlab.errors import UsageError
from transportlab.quote import repr_without
from transportlab.redact import SHORTEST, Redactor, too_short

MAX_BYTES = 65536
"""Bytes of the longest value from a file or the environment: room for a bundle of keys."""

PLAIN, FILE, ENVIRONMENT = "--backend-config", "--backend-config-file", "--backend-config-env"

CONFIG = (
    repeated(PLAIN, metavar="NAME=VALUE", help="Set a value of the backend's configuration."),
    repeated(FILE, metavar="NAME=PATH", help="Read a secret value from a file."),
    repeated(
        ENVIRONMENT,
        metavar="NAME=VARIABLE",
        help="Read a secret value from an environment variable.",
    ),
)


class Configuration(msgspec.Struct, frozen=True):
    """What the options give: values that may be shown, and secrets, which may not."""

    __repr__ = repr_without("secrets")

    plain: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether any option is given."""
        return bool(self.plain or self.secrets)

    @contextmanager
    def hidden(self) -> Iterator[Redactor]:
        """Hide the secrets in sys.stdout and sys.stderr, and give the Redactor that does it.

        A backend in this process writes there, and hides only what its own declaration calls
        secret.
        """
        redactor = Redactor(self.secrets)
        if not redactor:
            yield redactor
            return
        out, err = (_HidingStream(stream, redactor) for stream in (sys.stdout, sys.stderr))
        with redirect_stdout(cast("TextIO", out)), redirect_stderr(cast("TextIO", err)):
            yield redactor


class _HidingStream:
    """A stream of text that writes without the secrets; all else is the wrapped stream's."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def configuration(
    pairs: Sequence[str] = (), files: Sequence[str] = (), variables: Sequence[str] = ()
) -> Configuration:
    """The values that the three options give. Raises UsageError, whose text holds no value."""
    names: set[str] = set()
    plain = _split(PLAIN, "VALUE", pairs, names)
    secrets = {
        name: _secret(f"{FILE} {name}={path}", _file(path))
        for name, path in _split(FILE, "PATH", files, names).items()
    }
    secrets |= {
        name: _secret(f"{ENVIRONMENT} {name}={variable}", _variable(variable))
        for name, variable in _split(ENVIRONMENT, "VARIABLE", variables, names).items()
    }
    return Configuration(plain, secrets)


def _split(option: str, what: str, pairs: Iterable[str], names: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            # What was given may be the value itself, so it is not shown.
            raise UsageError(f"{option}: expected NAME={what}")
        if name in names:
            raise UsageError(f"{option} {name}: this name is given twice")
        names.add(name)
        found[name] = value
    return found


def _file(path: str) -> bytes | str:
    """What is in the file, or why it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)


def _variable(name: str) -> bytes | str:
    found = os.environb.get(os.fsencode(name))
    return "no such variable" if found is None else found


def _secret(option: str, found: bytes | str) -> str:
    """The value in the bytes, less one line end. A str says why there are none, and is raised."""
    if isinstance(found, str):
        raise UsageError(f"{option}: {found}")
    if len(found) > MAX_BYTES:
        raise UsageError(f"{option}: more than {MAX_BYTES} bytes")
    try:
        value = found.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{option}: not UTF-8") from None
    value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
    if too_short(value):
        raise UsageError(
            f"{option}: a value of fewer than {SHORTEST} characters cannot be kept out of"
            f" messages; give it by {PLAIN} if it is no secret"
        )
    return value
