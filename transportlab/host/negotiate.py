"""Two sides without a version of the protocol in common: who must act, and how (P-SESSION-2)."""

import re
from collections.abc import Collection

from transportlab.errors import PluginError


class ProtocolMismatch(PluginError):
    """The plugin speaks no version that the host speaks. got is its set, expected the host's."""

    def __str__(self) -> str:
        return f"{self.code}: {self.who()} {self.problem} {self.action}"


def mismatch(
    name: str, path: str, version: str, theirs: Collection[int], ours: Collection[int]
) -> ProtocolMismatch:
    """The error for the two sets of versions; an empty set is one that is not known."""
    return ProtocolMismatch(
        "E-PROTO-MISMATCH",
        f"speaks protocol {written(theirs)}; this host speaks {written(ours)}.",
        name=name,
        path=path,
        version=version,
        expected=written(ours),
        got=written(theirs),
        action=_advice(theirs, ours),
    )


def written(versions: Collection[int]) -> str:
    """A set of versions as the protocol writes it: {1,2}; an unknown one is {?}."""
    return "{" + (",".join(map(str, sorted(versions))) or "?") + "}"


def read(text: str) -> set[int]:
    """The versions in such a text, which a plugin has written; empty if it is none."""
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
    return f"Install a release of the plugin that speaks one of {written(ours)}."
