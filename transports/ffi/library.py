"""Loads a plugin's library and checks it: its symbols, its handshake line, its ABI version."""

import os
import threading
from typing import Any

from transportlab.errors import ProtocolViolation, TransportError
from transports.ffi._abi import ffi
from transports.ffi.wire import ABI_VERSION, ENDPOINT

Library = Any
"""What cffi makes of a loaded library: its functions by their names in backend.h."""

FUNCTIONS = tuple(
    f"cronix_plugin_{name}" for name in ("handshake", "start", "stop", "call", "next", "release")
)

MAGIC = "CRONIX-PLUGIN-V1"
MAX_LINE = 4095
"""Longest handshake line in bytes, without a line end (P-HANDSHAKE-2)."""

SHOWN = 200
"""How many bytes of a bad line an error shows."""

_loading = threading.Lock()
"""The first handshake comes from one thread alone (P-FFI-1)."""


def load(path: str, codec: str) -> Library:
    """The library at path, fit for calls with the codec; TransportError says why it is not.

    It is never unloaded (P-FFI-1); loaded again it is the same one.
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
    _check(path, ffi.string(said, MAX_LINE + 1), codec)
    return library


def _exports(library: Library, name: str) -> bool:
    try:
        getattr(library, name)
    except ffi.error:
        return False
    return True


def _check(path: str, line: Any, codec: str) -> None:
    """Whether the host can speak to the one who gave this line, which is bytes (P-HANDSHAKE-1)."""
    shown = f"{path}: expected {MAGIC} {ENDPOINT} ..., got the line {line[:SHOWN]!r}"
    try:
        magic, endpoint, *words = line.decode("utf-8").split(" ")
    except ValueError as error:  # no UTF-8, or a single word
        raise ProtocolViolation(shown) from error
    if len(line) > MAX_LINE or b"\n" in line or (magic, endpoint) != (MAGIC, ENDPOINT):
        raise ProtocolViolation(shown)
    said = dict(word.split("=", 1) for word in words if "=" in word)
    if said.get("abi") != str(ABI_VERSION):
        got = said.get("abi", "none")
        raise TransportError(f"{path} has ABI version {got}, this host has {ABI_VERSION}")
    offered = said.get("codec", "").split(",")
    if codec not in offered:
        raise TransportError(f"{path} has no codec {codec}; it has {', '.join(offered)}")
