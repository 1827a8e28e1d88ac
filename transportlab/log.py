"""A plugin's log: one JSON object a line on stderr (P-LOG-1).

This module writes the JSON itself, so that a plugin on a protobuf transport need not import a JSON
library only to log. The host's side, which reads such lines, is transportlab/host/logs.py.
"""

import math
import sys
import time

from transportlab.redact import NOTHING, Redactor

# Besides what JSON requires: control characters beyond ASCII and Unicode's line separators, so that
# a line stays a line and does nothing to a terminal.
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_ESCAPES |= {ord('"'): '\\"', ord("\\"): "\\\\"}

Value = str | int | float | bool | None


class Log:
    """Writes log lines with the plugin's name. Safe to use from several threads.

    `who` is the name with the version. No line shows what `redactor` hides; the dispatcher applies
    the same redactor to errors (P-LOG-2).
    """

    def __init__(self, plugin: str, version: str = "", redactor: Redactor = NOTHING) -> None:
        self._plugin = plugin
        self.who = f"{plugin} {version}".strip()
        self.redactor = redactor

    def __call__(self, level: str, message: str, **fields: Value) -> None:
        """Write one line. level is debug, info, warning or error."""
        said = self.redactor.value({"msg": message, **fields})
        line = format_line(ts=round(time.time(), 6), level=level, plugin=self._plugin, **said)
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def format_line(**fields: Value) -> str:
    """Return the fields as one JSON object, without a line end."""
    return "{" + ", ".join(f"{_text(key)}: {_value(value)}" for key, value in fields.items()) + "}"


def _value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return f'"{value}"'  # JSON has no such number
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    clean = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return f'"{clean.translate(_ESCAPES)}"'
