"""What a manifest says of a plugin's bytes, in a module that a host can import for little."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PluginPin:
    """The bytes that a plugin's file must consist of: any one of these SHA-256 sums (P-TRUST-1).

    A sum is 64 lower-case hex digits. There may be several: a program and a library of one name, or
    the builds of one release for several machines, differ in theirs.
    """

    sha256: tuple[str, ...]
