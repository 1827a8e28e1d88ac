"""What a manifest says about a plugin's bytes. Apart from document.py, so that it costs little."""

import msgspec


class PluginPin(msgspec.Struct, frozen=True):
    """The SHA-256 sums that a plugin's file may have, each 64 lower-case hex digits (P-TRUST-1).

    Several, because a program and a library of one name have different sums, and so have the builds
    of one release for several machines.
    """

    sha256: tuple[str, ...]
