"""Loads a plugin's library and checks its symbols, its handshake line and its ABI version."""

import os
import threading
from typing import Any

from transportlab.errors import TransportError
from transportlab.handshake import MAX_LINE, SHOWN, HandshakeError, parse
from transports.ffi._abi import ffi
from transports.ffi.wire import ABI_VERSION, ENDPOINT

Library = Any
"""A library that cffi has loaded: its functions by their names in backend.h."""

FUNCTIONS = tuple(
    f"cronix_plugin_{name}" for name in ("handshake", "start", "stop", "call", "next", "release")
)

_loading = threading.Lock()
"""Only one thread at a time may make a library's first handshake (P-FFI-1)."""


def load(path: str, codec: str) -> Library:
    """Load the library at path and check that the host can call it with the codec.

    It is never unloaded (P-FFI-1), and loading it again gives the same one. Raises TransportError
    that says what is wrong; HandshakeError, which is one, if it is the handshake line.
    """
    full = os.path.abspath(path)  # a name without a slash would be searched for in the system
    if not os.path.isfile(full):
        raise TransportError(f"cannot load {path}: no such file")
    with _loading:
        try:
            library: Library = ffi.dlopen(full, ffi.RTLD_NOW | ffi.RTLD_NODELETE)
        except OSError as error:
            raise TransportError(str(error)) from error
        missing = [name for name in FUNCTIONS if not _exports(library, name)]
        if missing:
            raise TransportError(f"{path} is no plugin: it does not export {', '.join(missing)}")
        said = library.cronix_plugin_handshake()
    if said == ffi.NULL:
        raise TransportError(f"{path} gave no handshake line; its reason is on stderr")
    line: Any = ffi.string(said, MAX_LINE + 1)  # bytes, as the string is one of char
    _check(path, line, codec)
    return library


def _exports(library: Library, name: str) -> bool:
    try:
        getattr(library, name)
    except ffi.error:
        return False
    return True


def _check(path: str, line: bytes, codec: str) -> None:
    """Raise TransportError unless the host can speak to whoever gave this line (P-HANDSHAKE-1)."""
    shown = f"{path}: expected one short line with the endpoint {ENDPOINT}, got {line[:SHOWN]!r}"
    action = "the function's text is the handshake line without a line end: see backend.h"
    if len(line) >= MAX_LINE:
        raise HandshakeError("E-HANDSHAKE-TOO-LONG", shown, action)
    if b"\n" in line:
        raise HandshakeError("E-HANDSHAKE-WORDS", shown, action)
    try:
        said = parse(line)
    except HandshakeError as error:
        raise HandshakeError(error.code, f"{path}: {error}", error.action) from error
    if said.endpoint != ENDPOINT:
        raise HandshakeError("E-ENDPOINT", shown, action)
    if said.words.get("abi") != str(ABI_VERSION):
        got = said.words.get("abi", "none")
        raise TransportError(f"{path} has ABI version {got}, this host has {ABI_VERSION}")
    offered = said.words.get("codec", "").split(",")
    if codec not in offered:
        raise TransportError(f"{path} has no codec {codec}; it has {', '.join(offered)}")
