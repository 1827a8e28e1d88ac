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
looks for these, and a dictionary if there are many.

A message may hold a hundred thousand short texts, nearly always without a secret. So value()
collects the different ones, joins many to one text, and looks at each only where the joined text
has something to hide.

Case is ignored, so escapes need no separate forms for upper-case hex digits. This may hide more
than the value, which is the better mistake. In a text longer than LONG nothing is looked for beside
quotation marks and line ends: texts that are cut or wrapped are shorter, and no message may keep a
host busy.

A value of 1 to 3 characters cannot be hidden: a mark for every "a" would ruin all texts, and show
the value as well. Those who take values in use too_short() to refuse such a value (P-SESSION-4).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from operator import is_
from typing import Any, TypeVar

import msgspec
from msgspec.structs import astuple, replace

from transportlab.errors import LabError

SHORTEST = 4
"""The shortest value, line, beginning or end that is hidden, in characters."""

PIECE = 12
"""The shortest part from the middle that is hidden, in characters. Most words are shorter."""

BLOCK = PIECE // 2
"""A text is cut into blocks of so many characters. Any PIECE characters hold a whole block."""

LONG = 65536
"""In texts of more characters than this only whole forms and pieces are found."""

FEW = 64
"""With more forms shorter than PIECE, a look at each place is faster than str.find for each."""

JOINED = 255
"""So many texts of at most as many characters are searched at once: together they are not LONG."""

MAX_BASE64 = 8192
"""The longest value whose base64 is looked for, in bytes. A key with its chain is shorter."""

# Each branch begins with one character, so re goes in native code to the next that may match.
_CUT = re.compile(r""""|'|\.\.\.|\u2026|\r\n[ \t]*|\n[ \t]*|\\r\\n[ \t]*|\\n[ \t]*""")

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
        # The keys are folded.
        self._short: dict[str, str] = {}
        self._short_first: set[str] = set()
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

    def _add(self, form: str, mark: str, *, has_pieces: bool = True) -> None:
        """Add one form. A part of a value has no pieces that the value's own form has not."""
        form = _fold(form)
        if len(form) < PIECE:
            self._short[form] = mark
            self._short_first.add(form[:SHORTEST])
        elif has_pieces:
            windows = [form[at : at + PIECE] for at in range(len(form) - PIECE + 1)]
            self._pieces |= dict.fromkeys(windows, mark)
            self._blocks.update(form[at : at + BLOCK] for at in range(len(form) - BLOCK + 1))
        for size in range(SHORTEST, min(PIECE, len(form))):
            self._beginnings[form[:size]] = mark
            self._beginnings_last.add(form[size - SHORTEST : size])
            self._ends[form[-size:]] = mark
            self._ends_first.add(form[-size:][:SHORTEST])

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._beginnings)

    def text(self, text: str) -> str:
        """Return the text with a mark in place of each value."""
        if not self:
            return text
        parts, done = [], 0
        start, end, mark = 0, 0, ""
        for next_start, next_end, next_mark in sorted(self._spans(_fold(text))):
            if next_start < end:  # overlapping spans become one, with the first one's mark
                end = max(end, next_end)
                continue
            parts += [text[done:start], mark]
            done, start, end, mark = end, next_start, next_end, next_mark
        return "".join([*parts, text[done:start], mark, text[end:]])

    def _spans(self, text: str) -> Iterator[Span]:
        """Yield what to hide in a folded text, in any order. Spans may overlap."""
        size = len(text)
        yield from self._short_spans(text)
        if self._pieces:
            for start in range(0, size, LONG):  # a list of all blocks at once may be too large
                yield from self._windows(text, start, min(size, start + LONG + PIECE))
        if size <= LONG:
            last, first = self._beginnings_last, self._ends_first
            cuts = [(size, 0), *[match.span() for match in _CUT.finditer(text)]]
            near = [
                (before, after)
                for before, after in cuts
                if text[max(0, before - SHORTEST) : before] in last
                or text[after : after + SHORTEST] in first
            ]
            for before, after in near:  # nearly always none
                yield from self._spans_at_cut(text, before, after)

    def _short_spans(self, text: str) -> Iterator[Span]:
        """Yield each form that is shorter than PIECE."""
        if len(self._short) <= FEW:
            yield from _find(text, self._short)
            return
        for start in range(len(text) - SHORTEST + 1):
            if text[start : start + SHORTEST] in self._short_first:
                for end in range(start + SHORTEST, min(start + PIECE, len(text) + 1)):
                    if mark := self._short.get(text[start:end]):
                        yield start, end, mark

    def _windows(self, text: str, start: int, stop: int) -> Iterator[Span]:
        """Yield where windows of PIECE characters are a form's, from start to stop."""
        blocks = [text[at : at + BLOCK] for at in range(start, stop - BLOCK + 1, BLOCK)]
        if self._blocks.isdisjoint(blocks):
            return
        run: Span | None = None  # what overlaps is one span: a text may be full of a value
        for number, block in enumerate(blocks):
            if block not in self._blocks:
                continue
            at = start + number * BLOCK
            around = range(max(0, at + BLOCK - PIECE), at + 1)
            found = [i for i in around if text[i : i + PIECE] in self._pieces]
            if not found:
                continue
            if run and found[0] < run[1]:
                run = run[0], found[-1] + PIECE, run[2]
            else:
                if run:
                    yield run
                run = found[0], found[-1] + PIECE, self._pieces[text[found[0] : found[0] + PIECE]]
        if run:
            yield run

    def _spans_at_cut(self, text: str, before: int, after: int) -> Iterator[Span]:
        """Yield a beginning that stops at `before`, and an end that starts at `after`."""
        for start in range(max(0, before - PIECE + 1), before - SHORTEST + 1):
            if mark := self._beginnings.get(text[start:before]):
                yield start, before, mark
        for end in range(after + SHORTEST, min(after + PIECE, len(text) + 1)):
            if mark := self._ends.get(text[after:end]):
                yield after, end, mark

    def value(self, value: T) -> T:
        """Return the value itself if nothing in it is hidden, else a copy.

        It walks through tuples, lists, mappings, structs and errors. A number whose digits hold
        a secret becomes a text, unless it is a member of a struct.
        """
        if not self:
            return value
        texts: set[str] = set()
        _collect((value,), texts)
        hidden = self._hidden(texts)
        return _replaced(value, hidden) if hidden else value

    def _hidden(self, texts: Iterable[str]) -> dict[str, str]:
        """Return those texts that have something to hide, each with what to show instead."""
        close: list[str] = []
        joined: list[str] = []
        for text in texts:
            (joined if len(text) <= JOINED else close).append(text)
        for at in range(0, len(joined), JOINED):
            some = joined[at : at + JOINED]
            # Beside a quotation mark a text may be cut, as at its own beginning and end.
            spans = list(self._spans(_fold('"'.join(some))))
            if spans:
                starts = list(accumulate((len(text) + 1 for text in some), initial=0))
                close += {some[bisect_right(starts, start) - 1] for start, _, _ in spans}
        shown = {text: self.text(text) for text in close}
        return {text: other for text, other in shown.items() if text != other}

    def error(self, error: E) -> E:
        """Return the error itself if nothing in it is hidden, else a copy, notes included.

        Do not raise the copy `from` the original: a traceback would show the original.
        """
        return self.value(error)


NOTHING = Redactor()
"""Hides nothing."""


def _collect(value: Any, texts: set[str]) -> None:
    """Add each text that value() looks at."""
    in_struct = isinstance(value, msgspec.Struct)
    for member in astuple(value) if in_struct else _members(value):
        kind = type(member)
        if kind is str:
            texts.add(member)
        elif kind is int or kind is float:
            if not in_struct:
                texts.add(str(member))
        elif member is not None and kind is not bool:
            _collect(member, texts)


def _members(value: Any) -> Sequence[Any]:
    """Return the parts of a value that value() walks through. A text has none."""
    if isinstance(value, msgspec.Struct):
        return astuple(value)
    if isinstance(value, tuple | list):
        return value
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    if isinstance(value, LabError):
        return (value.args, vars(value))
    return ()


def _replaced(value: Any, hidden: Mapping[str, str]) -> Any:
    """Return the value with other texts in it: a copy where there are any."""
    if type(value) in (str, int, float):
        return hidden.get(str(value), value)
    old = () if isinstance(value, tuple | list) and _is_plain(value, hidden) else _members(value)
    # Most members are texts; a call for each would take as long as all the rest.
    new: list[Any] = [
        hidden.get(m, m) if type(m) is str else m and _replaced(m, hidden) for m in old
    ]
    if all(map(is_, old, new)):
        return value
    if isinstance(value, msgspec.Struct):
        members = zip(value.__struct_fields__, old, new, strict=True)
        return replace(value, **{n: b for n, a, b in members if not isinstance(a, int | float)})
    if isinstance(value, Mapping):
        return dict(zip(new[: len(value)], new[len(value) :], strict=True))
    if isinstance(value, LabError):
        copy = type(value).__new__(type(value))
        copy.args = new[0]
        vars(copy).update(new[1])
        return copy
    return type(value)(new)


def _is_plain(value: Sequence[Any], hidden: Mapping[str, str]) -> bool:
    """Whether a list has only structs of texts and integers, of which none is hidden.

    Entries are such structs, and nearly all of a large message.
    """
    try:
        flat = chain.from_iterable(map(astuple, value))
        return not [m for m in flat if (m in hidden if type(m) is str else type(m) is not int)]
    except TypeError:  # no struct
        return False


def _find(text: str, forms: Mapping[str, str]) -> Iterator[Span]:
    """Yield enough places of every form to cover all of them."""
    for form, mark in forms.items():
        size = len(form)
        start = text.find(form)
        while start >= 0:
            end = start + size
            yield start, end, mark
            overlapping = text.rfind(form, start + 1, end + size - 1)
            start = text.find(form, end) if overlapping < 0 else overlapping


def _fold(text: str) -> str:
    """Return the text in lower case as far as ASCII goes, so that no character changes place."""
    if text.isascii():
        return text.lower()
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


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
