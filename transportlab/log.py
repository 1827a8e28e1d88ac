"""A plugin's log: one JSON object a line on stderr (P-LOG-1).

It writes the JSON itself, because a plugin on a protobuf transport must not import a JSON library
only to log.
"""

import sys
import time

_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_ESCAPES |= {ord('"'): '\\"', ord("\\"): "\\\\"}

Value = str | int | float | bool | None


class Log:
    """Writes lines that carry the plugin's name. Safe to use from several threads."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin

    def __call__(self, level: str, message: str, **fields: Value) -> None:
        """Write one line; level is debug, info, warning or error."""
        line = format_line(
            ts=round(time.time(), 6), level=level, plugin=self._plugin, msg=message, **fields
        )
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def format_line(**fields: Value) -> str:
    """The fields as one JSON object without a line end."""
    return "{" + ", ".join(f"{_text(key)}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f'"{clean.translate(_ESCAPES)}"'
