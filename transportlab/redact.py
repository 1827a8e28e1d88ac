"""Keeps values that are secret out of texts: a mark with the key's name stands in their place.

Whoever writes a text may have escaped the value, wrapped it over two lines or cut it in the middle.
So a value is looked for in several forms (forms.py), and line by line. What is found of a form is
one of:

    all of it, anywhere
    a piece of at least PIECE characters, anywhere
    its beginning at the end of a text, or its end at the beginning: at least SHORTEST characters
    the same at a quotation mark or at "...": an excerpt in a message ends or begins there
    the same at a line's end in the text, where long lines are wrapped

Case is ignored, so that hex digits of escapes need no forms of their own. More may be hidden than a
value: that is the better mistake. In a text over LONG only whole forms are found, as they are: what
is cut or wrapped is shorter, and nobody shall keep a host busy with one message.

A value of 1 to 3 characters cannot be hidden: marks for every "a" would ruin all texts, and would
tell the value besides. too_short() is for those who take values in, to refuse it (P-SESSION-4).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from transportlab.errors import LabError

SHORTEST = 4
"""The shortest value, line or edge that is hidden, in characters."""

PIECE = 12
"""The shortest part in the middle of a text that is hidden: most words are shorter."""

LONG = 65536
"""From how many characters on a text is only searched for whole forms, which takes little time."""

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_CUT = re.compile(r"""["']|\.\.\.|\u2026|(\r?\n|(\\r)?\\n)[ \t]*""")

T = TypeVar("T")
E = TypeVar("E", bound=LabError)
Span = tuple[int, int, str]


def too_short(value: str) -> bool:
    """Whether a value cannot be hidden; an empty one has nothing to hide."""
    return 0 < len(value) < SHORTEST


class Redactor:
    """Hides the values of a mapping by name. Without values it changes nothing, at no cost."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._forms: dict[str, str] = {}
        self._whole: dict[str, str] = {}
        self._pieces: dict[str, str] = {}
        self._heads: dict[str, str] = {}
        self._tails: dict[str, str] = {}
        for name, value in (values or {}).items():
            if len(value) < SHORTEST:
                continue
            for form in {*forms(value), *base64_of(value)}:
                self._learn(form, f"[{name}]")
            for line in lines_of(value):
                if len(line) >= SHORTEST:
                    for form in forms(line):
                        self._learn(form, f"[{name}]", part=is_part(line))

    def _learn(self, written: str, mark: str, *, part: bool = False) -> None:
        """One form; the pieces of a part of the value are among those of the value."""
        self._forms[written] = mark
        form = _folded(written)
        if len(form) < PIECE:  # longer ones are found by their pieces
            self._whole[form] = mark
        elif not part:
            for start in range(len(form) - PIECE + 1):
                self._pieces[form[start : start + PIECE]] = mark
        for size in range(SHORTEST, min(PIECE, len(form))):
            self._heads[form[:size]] = mark
            self._tails[form[-size:]] = mark

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._forms)

    def text(self, text: str) -> str:
        """The text with a mark for each value."""
        if not self:
            return text
        long = len(text) > LONG
        spans = sorted(_found(text, self._forms) if long else self._spans(_folded(text)))
        if not spans:
            return text
        parts, done = [], 0
        start, end, mark = spans[0]
        for begin, stop, name in [*spans[1:], (len(text) + 1, 0, "")]:
            if begin < end:
                end = max(end, stop)
                continue
            parts += [text[done:start], mark]
            done, start, end, mark = end, begin, stop, name
        return "".join([*parts, text[done:]])

    def _spans(self, text: str) -> Iterator[Span]:
        """Where something is to be hidden: start, end, mark; in any order, perhaps overlapping."""
        size = len(text)
        yield from _found(text, self._whole)
        if self._pieces:
            for start in range(size - PIECE + 1):
                if found := self._pieces.get(text[start : start + PIECE]):
                    yield start, start + PIECE, found
        if self._heads:
            cuts = [match.span() for match in _CUT.finditer(text)]
            for before, after in [(size, 0), *cuts]:
                yield from self._edges(text, before, after)

    def _edges(self, text: str, before: int, after: int) -> Iterator[Span]:
        """A beginning that ends at the one place, an end that begins at the other."""
        for length in range(SHORTEST, PIECE):
            if length <= before and (found := self._heads.get(text[before - length : before])):
                yield before - length, before, found
            end = after + length
            if end <= len(text) and (found := self._tails.get(text[after:end])):
                yield after, end, found

    def value(self, value: T) -> T:
        """A value with its texts hidden: texts, numbers, tuples, lists, mappings, records, errors.

        A number whose digits are a secret's becomes a text, unless it is a dataclass's member.
        """
        return self._value(value) if self else value

    def _value(self, value: Any) -> Any:
        if type(value) is str:
            return self.text(value)
        if type(value) in (int, float):
            shown = self.text(str(value))
            return value if shown == str(value) else shown
        if isinstance(value, tuple | list):
            return type(value)(map(self._value, value))
        if isinstance(value, Mapping):
            return {self._value(key): self._value(item) for key, item in value.items()}
        return self._record(value)

    def _record(self, value: Any) -> Any:
        if isinstance(value, LabError):
            return self.error(value)
        if not is_dataclass(value) or isinstance(value, type):
            return value
        members = {f.name: getattr(value, f.name) for f in fields(value)}
        texts = {n: self._value(m) for n, m in members.items() if not isinstance(m, int | float)}
        return replace(value, **texts)

    def error(self, error: E) -> E:
        """The error itself if nothing in it is hidden, else one like it, with its notes.

        The other one is not to be raised `from` the first, which a traceback would show.
        """
        args, members = self.value(error.args), self.value(vars(error))
        if (args, members) == (error.args, vars(error)):
            return error
        made = type(error).__new__(type(error))
        made.args = args
        vars(made).update(members)
        return made


NOTHING = Redactor()
"""Hides nothing."""


def _found(text: str, forms_: Mapping[str, str]) -> Iterator[Span]:
    """Each place of each form."""
    for form, mark in forms_.items():
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form), mark
            start = text.find(form, start + 1)


def _folded(text: str) -> str:
    """In lower case as far as ASCII goes, where each character stays at its place."""
    return text.translate(_LOWER)


# The ways in which a value may be written: as it is, as JSON, repr, HTML, URLs, hex, base64.
#
# What of them is looked for in a text, and how, is redact.py's.

MAX_BASE64 = 8192
"""The longest value in bytes whose base64 is looked for: a key with its certificates has less."""

_QUOTED = {ord('"'): '\\"', ord("\\"): "\\\\"}
_LONG_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | _QUOTED
_ESCAPES = _LONG_ESCAPES | {ord(c): f"\\{n}" for c, n in zip("\b\t\n\f\r", "btnfr", strict=True)}
_LOG_ESCAPES = _LONG_ESCAPES | {c: f"\\u{c:04x}" for c in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
_MARKUP = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_MARKED = [("&quot;", "&#x27;"), ("&quot;", "&#39;"), ("&#34;", "&#39;")]
_HTML = [_MARKUP, *(_MARKUP | {ord('"'): one, ord("'"): other} for one, other in _MARKED)]
_UNRESERVED = "-._~"


def forms(text: str) -> set[str]:
    """The ways in which all of the text is written."""
    found = {text, *_escaped(text)}
    # A log line in JSON that quotes a line in JSON.
    return found | {written for form in found for written in _json(form)}


def lines_of(value: str) -> set[str]:
    """Each line of several, and the value without the white space around it."""
    lines = value.splitlines()
    return {value.strip(), *(line.strip() for line in lines if len(lines) > 1)} - {value}


def is_part(line: str) -> bool:
    """Whether a line's forms are parts of its value's: repr's escapes depend on all the quotes."""
    return "'" not in line


def _escaped(text: str) -> Iterator[str]:
    for written in _json(text):
        yield written
        yield written.replace("/", "\\/")
    for table in _HTML:
        yield text.translate(table)
    yield text.encode("utf-8", "surrogatepass").hex()
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]
    for percent in _PERCENT:
        yield text.translate(percent)
        yield text.translate(percent).replace("%20", "+")


def _json(text: str) -> Iterator[str]:
    """As writers of JSON have it: short escapes, long ones, those of log.py; and all in ASCII."""
    for table in (_ESCAPES, _LONG_ESCAPES, _LOG_ESCAPES):
        written = text.translate(table)
        yield written
        yield written.translate(_IN_ASCII)


class _Table(dict[int, str]):
    """For str.translate: each character as write() has it, which is asked once for each."""

    def __init__(self, write: Callable[[str], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, code: int) -> str:
        found = self[code] = self._write(chr(code))
        return found


def _unit_escapes(character: str) -> str:
    """A character beyond ASCII as JSON's escapes: one, or two beyond the first 65536."""
    if " " <= character <= "~":
        return character
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[i : i + 2].hex()}" for i in range(0, len(data), 2))


def _percent(kept: str, digits: str) -> _Table:
    def write(c: str) -> str:
        if c.isascii() and (c.isalnum() or c in kept):
            return c
        return "".join(f"%{byte:{digits}}" for byte in c.encode("utf-8", "surrogatepass"))

    return _Table(write)


def base64_of(value: str) -> Iterator[str]:
    """The value's part of base64 texts that hold it at any place."""
    import binascii  # only those who have a secret need it

    data = value.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BASE64:
        return
    for before in range(3):
        text = binascii.b2a_base64(bytes(before) + data, newline=False).decode().rstrip("=")
        whole = text[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")


_IN_ASCII = _Table(_unit_escapes)
_PERCENT = [
    _percent(_UNRESERVED + kept, digits)
    for digits in ("02X", "02x")
    for kept in ("", "/", "!'()*", "/:@!$&'()*+,;=")
]
