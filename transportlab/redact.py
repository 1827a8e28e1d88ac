"""Hides secret values in texts: a mark with the value's name stands in their place.

Whoever wrote a text may have escaped the value, wrapped it over two lines, or cut it in the
middle. So each value, and each of its lines, is written in all usual forms (JSON, repr, HTML, URL,
hex, base64, JSON in JSON), and a text is searched for parts of these forms:

    the whole form, anywhere
    a piece of at least PIECE characters, anywhere
    a beginning at the end of the text, or an end at its beginning: at least SHORTEST characters
    the same beside a quotation mark or "...", since an excerpt in a message is cut there
    the same beside a line end, since long lines are wrapped there

The search takes time in proportion to the text, whatever the number and length of the values. Every
window of PIECE characters of every form is a key of one dictionary. The text is cut into blocks of
half that length; any window holds a whole block, so a look-up for each block finds where windows
can be. Beginnings and ends are keys of two more dictionaries, looked up only where a text can be
cut, and there only if SHORTEST characters fit. Forms shorter than PIECE have no window; str.find
looks for these.

Case is ignored, so escapes need no separate forms for upper-case hex digits. This may hide more
than the value, which is the better mistake. In a text longer than LONG only whole forms are found,
in their exact case: texts that are cut or wrapped are shorter, and no message may keep a host busy.

A value of 1 to 3 characters cannot be hidden: a mark for every "a" would ruin all texts, and show
the value as well. Those who take values in use too_short() to refuse such a value (P-SESSION-4).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from transportlab.errors import LabError

SHORTEST = 4
"""The shortest value, line, beginning or end that is hidden, in characters."""

PIECE = 12
"""The shortest part from the middle that is hidden, in characters. Most words are shorter."""

BLOCK = PIECE // 2
"""A text is cut into blocks of so many characters. Any PIECE characters hold a whole block."""

LONG = 65536
"""Texts of more characters than this are searched for whole forms only, which takes little time."""

MAX_BASE64 = 8192
"""The longest value whose base64 is looked for, in bytes. A key with its chain is shorter."""

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_CUT = re.compile(r"""["']|\.\.\.|\u2026|(\r?\n|(\\r)?\\n)[ \t]*""")

T = TypeVar("T")
E = TypeVar("E", bound=LabError)
Span = tuple[int, int, str]
"""Start, end, mark."""


def too_short(value: str) -> bool:
    """Return whether a value cannot be hidden. An empty one has nothing to hide."""
    return 0 < len(value) < SHORTEST


class Redactor:
    """Hides the values of a mapping; the mark is the key in brackets.

    Values that are too short are not hidden. Without values nothing changes, at no cost.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._exact: dict[str, str] = {}
        # From here on the keys are folded.
        self._short: dict[str, str] = {}
        self._pieces: dict[str, str] = {}
        self._blocks: set[str] = set()
        self._beginnings: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._beginnings_last: set[str] = set()
        self._ends_first: set[str] = set()
        for name, value in (values or {}).items():
            if len(value) < SHORTEST:
                continue
            for form in {*written_forms(value), *base64_forms(value)}:
                self._add(form, f"[{name}]")
            for line in lines_of(value):
                if len(line) >= SHORTEST:
                    for form in written_forms(line):
                        self._add(form, f"[{name}]", has_pieces=not is_part(line))

    def _add(self, exact: str, mark: str, *, has_pieces: bool = True) -> None:
        """Add one form. A part of a value has no pieces that the value's own form has not."""
        self._exact[exact] = mark
        form = _fold(exact)
        if len(form) < PIECE:
            self._short[form] = mark
        elif has_pieces:
            for start in range(len(form) - PIECE + 1):
                self._pieces[form[start : start + PIECE]] = mark
            self._blocks.update(form[at : at + BLOCK] for at in range(len(form) - BLOCK + 1))
        for size in range(SHORTEST, min(PIECE, len(form))):
            self._beginnings[form[:size]] = mark
            self._beginnings_last.add(form[size - SHORTEST : size])
            self._ends[form[-size:]] = mark
            self._ends_first.add(form[-size:][:SHORTEST])

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._exact)

    def text(self, text: str) -> str:
        """Return the text with a mark in place of each value."""
        if not self:
            return text
        long = len(text) > LONG
        spans = sorted(_find(text, self._exact) if long else self._spans(_fold(text)))
        if not spans:
            return text
        parts, done = [], 0
        start, end, mark = spans[0]
        for next_start, next_end, next_mark in [*spans[1:], (len(text) + 1, 0, "")]:
            if next_start < end:  # overlapping spans become one, with the first one's mark
                end = max(end, next_end)
                continue
            parts += [text[done:start], mark]
            done, start, end, mark = end, next_start, next_end, next_mark
        return "".join([*parts, text[done:]])

    def _spans(self, text: str) -> Iterator[Span]:
        """Yield what to hide in a folded text, in any order. Spans may overlap."""
        size = len(text)
        yield from _find(text, self._short)
        if self._pieces:
            yield from self._windows(text)
        if self._beginnings:
            cuts = [match.span() for match in _CUT.finditer(text)]
            for before, after in [(size, 0), *cuts]:
                yield from self._spans_at_cut(text, before, after)

    def _windows(self, text: str) -> Iterator[Span]:
        """Yield each window of PIECE characters that is one of a form's."""
        blocks = [text[at : at + BLOCK] for at in range(0, len(text) - BLOCK + 1, BLOCK)]
        if self._blocks.isdisjoint(blocks):
            return
        for number, block in enumerate(blocks):
            if block in self._blocks:
                at = number * BLOCK
                for start in range(max(0, at + BLOCK - PIECE), at + 1):
                    if mark := self._pieces.get(text[start : start + PIECE]):
                        yield start, start + PIECE, mark

    def _spans_at_cut(self, text: str, before: int, after: int) -> Iterator[Span]:
        """Yield a beginning that stops at `before`, and an end that starts at `after`."""
        near_end = text[max(0, before - SHORTEST) : before] in self._beginnings_last
        near_start = text[after : after + SHORTEST] in self._ends_first
        if not (near_end or near_start):  # nearly always so
            return
        for length in range(SHORTEST, PIECE):
            if length <= before and (mark := self._beginnings.get(text[before - length : before])):
                yield before - length, before, mark
            end = after + length
            if end <= len(text) and (mark := self._ends.get(text[after:end])):
                yield after, end, mark

    def value(self, value: T) -> T:
        """Return a value with all texts in it hidden.

        It walks through tuples, lists, mappings, structs and errors. A number whose digits hold
        a secret becomes a text, unless it is a member of a struct.
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
        return self._object(value)

    def _object(self, value: Any) -> Any:
        if isinstance(value, LabError):
            return self.error(value)
        if not isinstance(value, msgspec.Struct):
            return value
        members = {name: getattr(value, name) for name in value.__struct_fields__}
        texts = {n: self._value(m) for n, m in members.items() if not isinstance(m, int | float)}
        return replace(value, **texts)

    def error(self, error: E) -> E:
        """Return the error itself if nothing in it is hidden, else a copy, notes included.

        Do not raise the copy `from` the original: a traceback would show the original.
        """
        args, members = self.value(error.args), self.value(vars(error))
        if (args, members) == (error.args, vars(error)):
            return error
        copy = type(error).__new__(type(error))
        copy.args = args
        vars(copy).update(members)
        return copy


NOTHING = Redactor()
"""Hides nothing."""


def _find(text: str, forms: Mapping[str, str]) -> Iterator[Span]:
    """Yield every place of every form."""
    for form, mark in forms.items():
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form), mark
            start = text.find(form, start + 1)


def _fold(text: str) -> str:
    """Return the text in lower case as far as ASCII goes, so that no character changes place."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


# ---- the forms in which a value may be written


def written_forms(text: str) -> set[str]:
    """Return the text in every usual form but base64."""
    once = {text, *_escaped(text)}
    # JSON in JSON happens: a log line in JSON that quotes a line in JSON.
    return once | {twice for form in once for twice in _json(form)}


def base64_forms(value: str) -> Iterator[str]:
    """Yield the part of a base64 text that the value alone decides, wherever in it the value is."""
    import binascii  # only those who have a secret need it

    data = value.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BASE64:
        return
    # Base64 writes 3 bytes as 4 characters, so the value can start at three places in a group. The
    # first and the last character may also hold bits of the neighbours; they are left out.
    for before in range(3):
        text = binascii.b2a_base64(bytes(before) + data, newline=False).decode().rstrip("=")
        whole = text[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")


def lines_of(value: str) -> set[str]:
    """Return the lines of a value with several, and the value without white space around it."""
    lines = value.splitlines()
    return {value.strip(), *(line.strip() for line in lines if len(lines) > 1)} - {value}


def is_part(line: str) -> bool:
    """Return whether each form of a line is a part of the same form of its value.

    With "'" in a line it need not be: which quotes repr() escapes depends on the whole value.
    """
    return "'" not in line


def _escaped(text: str) -> Iterator[str]:
    for form in _json(text):
        yield form
        yield form.replace("/", "\\/")
    for table in _HTML:
        yield text.translate(table)
    yield text.encode("utf-8", "surrogatepass").hex()
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]
    for table in _URL:
        yield text.translate(table)
        yield text.translate(table).replace("%20", "+")


def _json(text: str) -> Iterator[str]:
    """Yield the text as JSON with short escapes, long ones, and log.py's; each also in ASCII."""
    for table in (_SHORT_ESCAPES, _LONG_ESCAPES, _LOG_ESCAPES):
        form = text.translate(table)
        yield form
        yield form.translate(_ASCII_ESCAPES)


class _Table(dict[int, str]):
    """A table for str.translate that asks write() once for each character."""

    def __init__(self, write: Callable[[str], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, code: int) -> str:
        found = self[code] = self._write(chr(code))
        return found


def _ascii_escape(character: str) -> str:
    """Return a character beyond ASCII as JSON escapes: one, or two beyond the first 65536."""
    if " " <= character <= "~":
        return character
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[i : i + 2].hex()}" for i in range(0, len(data), 2))


def _percent_table(kept: str, digits: str) -> _Table:
    def write(c: str) -> str:
        if c.isascii() and (c.isalnum() or c in kept):
            return c
        return "".join(f"%{byte:{digits}}" for byte in c.encode("utf-8", "surrogatepass"))

    return _Table(write)


_QUOTES = {ord('"'): '\\"', ord("\\"): "\\\\"}
_LONG_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | _QUOTES
_SHORT_ESCAPES = _LONG_ESCAPES | {
    ord(c): f"\\{name}" for c, name in zip("\b\t\n\f\r", "btnfr", strict=True)
}
_LOG_ESCAPES = _LONG_ESCAPES | {c: f"\\u{c:04x}" for c in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
_ASCII_ESCAPES = _Table(_ascii_escape)

_MARKUP = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_HTML = [  # without quotes, as Python, as many templates, as Go
    _MARKUP,
    *(
        _MARKUP | {ord('"'): double, ord("'"): single}
        for double, single in [("&quot;", "&#x27;"), ("&quot;", "&#39;"), ("&#34;", "&#39;")]
    ),
]

_URL = [  # RFC 3986's unreserved characters are kept, and those that each kind of encoder keeps too
    _percent_table("-._~" + kept, digits)
    for digits in ("02X", "02x")
    for kept in ("", "/", "!'()*", "/:@!$&'()*+,;=")
]
