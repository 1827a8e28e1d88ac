"""Explains an OpenSession that failed for want of a protocol version in common (P-SESSION-2)."""

import re
from collections.abc import Collection

from transportlab.errors import PluginError


class ProtocolMismatch(PluginError):
    """Plugin and host have no version in common. `got` is the plugin's set, `expected` the host's.

    The text is one line that ends with what to do, and not the block of other plugin errors.
    """

    def __str__(self) -> str:
        return f"{self.code}: {self.who()} {self.problem} {self.action}"


def protocol_mismatch(
    name: str, path: str, version: str, theirs: Collection[int], ours: Collection[int]
) -> ProtocolMismatch:
    """Return the error for the plugin's versions and the host's. `theirs` may be empty: unknown."""
    return ProtocolMismatch(
        "E-PROTO-MISMATCH",
        f"speaks protocol {format_versions(theirs)}; this host speaks {format_versions(ours)}.",
        name=name,
        path=path,
        version=version,
        expected=format_versions(ours),
        got=format_versions(theirs),
        action=_advice(theirs, ours),
    )


def format_versions(versions: Collection[int]) -> str:
    """Return versions as the protocol writes them: {1,2}. Unknown ones are {?}."""
    return "{" + (",".join(map(str, sorted(versions))) or "?") + "}"


def parse_versions(text: str) -> set[int]:
    """Return the versions in a text like {1,2}, which a plugin wrote; empty if it is not one."""
    found = re.fullmatch(r"\{(\d{1,9}(?:,\d{1,9})*)\}", text, re.ASCII)
    return {int(number) for number in found[1].split(",")} if found else set()


def _advice(theirs: Collection[int], ours: Collection[int]) -> str:
    if theirs and max(theirs) < min(ours):
        return (
            f"The plugin is too old: install a release that speaks {min(ours)},"
            f" or use a host that speaks {max(theirs)}."
        )
    if theirs and min(theirs) > max(ours):
        return (
            f"The host is too old: use a host that speaks {min(theirs)},"
            f" or install a release of the plugin that speaks {max(ours)}."
        )
    return f"Install a release of the plugin that speaks one of {format_versions(ours)}."
