"""Shows one direction of an HTTP/2 connection as a line for each frame (RFC 9113, section 4).

It only shows: a frame that makes no sense is shown as it is. Headers need the library hpack, which
comes with h2; without it their number of bytes is shown.
"""

from importlib import import_module
from typing import Any

from transportlab.registry import lacks

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""How a client begins."""

HEAD = 9
"""Bytes of a frame's head."""

LONGEST = 1 << 20
"""Bytes of the longest frame that is waited for; peers take 16 KiB unless they say otherwise."""

KINDS = (
    *("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS"),
    *("PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"),
)
SETTINGS, HEADERS, CONTINUATION = 4, 1, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
PRIORITY_BYTES = 5

NUMBER = 4
"""Bytes of the number that RST_STREAM and WINDOW_UPDATE hold, and that ends GOAWAY."""


class Frames:
    """take() gives the lines of what has come, or None once this is no HTTP/2."""

    def __init__(self) -> None:
        self._unread = b""
        self._begun = False
        self._block = b""
        self._decoder: Any = None if lacks("hpack") else import_module("hpack").Decoder()

    def held(self) -> bytes:
        """What has come and is not yet shown."""
        return self._unread

    def take(self, data: bytes) -> list[str] | None:
        """The lines of the frames that are whole now; None if these are no frames."""
        self._unread += data
        found: list[str] = []
        if not self._begun:
            if PREFACE.startswith(self._unread[: len(PREFACE)]):
                if len(self._unread) < len(PREFACE):
                    return []
                self._unread = self._unread[len(PREFACE) :]
                found.append("HTTP/2")
            elif not _may_begin(self._unread[:HEAD]):
                return None
            elif len(self._unread) < HEAD:
                return []
            self._begun = True
        while len(self._unread) >= HEAD:
            size = int.from_bytes(self._unread[:3], "big")
            if size > LONGEST:
                return None
            if len(self._unread) < HEAD + size:
                break
            kind, flags = self._unread[3], self._unread[4]
            stream = int.from_bytes(self._unread[5:HEAD], "big")
            payload = self._unread[HEAD : HEAD + size]
            self._unread = self._unread[HEAD + size :]
            found.append(self._shown(kind, flags, stream, payload))
        return found

    def _shown(self, kind: int, flags: int, stream: int, payload: bytes) -> str:
        name = KINDS[kind] if kind < len(KINDS) else f"frame of kind {kind}"
        said = f"{name} {stream}" if stream else name
        if kind in (0, HEADERS):
            said += " end" if flags & END_STREAM else ""
            payload = _unpadded(payload, flags, kind)
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if not flags & END_HEADERS:
                return f"{said}: {len(payload)} bytes, more to come"
            block, self._block = self._block, b""
            return f"{said}: {self._headers(block)}"
        if kind == 0:
            return f"{said}: {len(payload)} bytes: {payload.decode('utf-8', 'backslashreplace')}"
        return said + _detail(name, flags, payload)

    def _headers(self, block: bytes) -> str:
        """The headers of a block. Nothing of one that cannot be read, as a secret may be in it."""
        if self._decoder is None:
            return f"{len(block)} bytes; pip install 'transportlab[wire]' shows them"
        try:
            pairs = self._decoder.decode(block, raw=True)
        except Exception as error:  # hpack's own, and whatever wrong bytes bring it to
            return f"{len(block)} bytes that cannot be read: {type(error).__name__}: {error}"
        return ", ".join(f"{_text(name)}: {_text(value)}" for name, value in pairs)


def _detail(name: str, flags: int, payload: bytes) -> str:
    """What a frame without data and headers says."""
    if name == "SETTINGS" and flags & 1:
        return " ack"
    if name in ("RST_STREAM", "WINDOW_UPDATE") and len(payload) == NUMBER:
        return f": {int.from_bytes(payload, 'big')}"
    if name == "GOAWAY" and len(payload) >= 2 * NUMBER:
        code, text = payload[NUMBER : 2 * NUMBER], payload[2 * NUMBER :]
        return f": code {int.from_bytes(code, 'big')} {text!r}"
    return f": {payload.hex(' ', 2)}" if payload else ""


def _may_begin(head: bytes) -> bool:
    """Whether these may be the first bytes of a server's: a frame SETTINGS of stream 0."""
    right = (0, None, None, SETTINGS, None, 0, 0, 0, 0)
    return all(wanted in (None, got) for wanted, got in zip(right, head, strict=False))


def _unpadded(payload: bytes, flags: int, kind: int) -> bytes:
    if flags & PADDED and payload:
        payload = payload[1 : max(1, len(payload) - payload[0])]
    return payload[PRIORITY_BYTES:] if kind == HEADERS and flags & PRIORITY else payload


def _text(part: Any) -> str:
    return part.decode("latin-1") if isinstance(part, bytes) else str(part)
