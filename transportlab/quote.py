"""How a foreign text is shown in a message, and which known word it was perhaps meant to be."""

import difflib
import json
from collections.abc import Iterable

SHOWN = 60
"""Longest part of a foreign text in a message, in characters: enough to recognise it."""


def quote(text: str) -> str:
    """The text in quotation marks, escaped as in JSON, cut after SHOWN characters.

    It stays on one line and does nothing to a terminal.
    """
    shown = text[:SHOWN]
    escaped = json.dumps(shown, ensure_ascii=not shown.isprintable())
    return escaped if len(text) <= SHOWN else f'{escaped[:-1]}..."'


def clean(text: str, *, keep_lines: bool = False) -> str:
    """The text with control characters escaped, so that it cannot move a terminal's cursor."""
    if text.isprintable():
        return text
    keep = "\n" if keep_lines else ""
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def clean_json(text: str) -> str:
    """The same JSON, with escapes for what does something to a terminal or is not to be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known word that is most like the text, letters' case aside; None if none is."""
    words = {word.lower(): word for word in known}
    # Cut, because difflib takes time in proportion to the product of the lengths.
    near = difflib.get_close_matches(text[:SHOWN].lower(), words, 1)
    return words[near[0]] if near else None
