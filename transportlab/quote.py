"""Shows foreign text and values in messages, safely, and guesses which known word was meant.

Every plugin imports this module, so it loads json and difflib when they are used.
"""

from collections.abc import Callable, Iterable
from typing import Any

SHOWN = 60
"""Longest part of a foreign text in a message, in characters: enough to recognise it."""


def quote(text: str) -> str:
    """Return the text in quotation marks, escaped as in JSON and cut after SHOWN characters.

    The result is one line, and does nothing to a terminal.
    """
    import json

    shown = text[:SHOWN]
    escaped = json.dumps(shown, ensure_ascii=not shown.isprintable())
    return escaped if len(text) <= SHOWN else f'{escaped[:-1]}..."'


def clean(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with control characters escaped, so that it cannot steer a terminal.

    keep_lines: leave line feeds as they are.
    """
    if text.isprintable():
        return text
    keep = "\n" if keep_lines else ""
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def clean_json(text: str) -> str:
    """Return the same JSON, with escapes for what is invisible or steers a terminal."""
    if text.isprintable():
        return text
    import json

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def nearest(text: str, known: Iterable[str]) -> str | None:
    """Return the known word most like the text, ignoring case, or None if none is close."""
    import difflib

    words = {word.lower(): word for word in known}
    # The text is cut because difflib's time grows with the product of the lengths.
    near = difflib.get_close_matches(text[:SHOWN].lower(), words, 1)
    return words[near[0]] if near else None


def repr_without(*names: str) -> Callable[[Any], str]:
    """A __repr__ for a struct that shows "..." for the members of these names.

    A repr ends up in logs, in assertions and in tracebacks of whoever uses the struct.
    """

    def shown(struct: Any) -> str:
        members = (
            f"{name}={'...' if name in names else repr(getattr(struct, name))}"
            for name in struct.__struct_fields__
        )
        return f"{type(struct).__name__}({', '.join(members)})"

    return shown
