"""The ways in which a value may be written: as it is, as JSON, repr, HTML, URLs, hex, base64.

What of them is looked for in a text, and how, is redact.py's.
"""

from collections.abc import Callable, Iterator

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
