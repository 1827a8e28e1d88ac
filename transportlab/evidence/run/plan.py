"""How much a run measures: blocks by group of suites and placement, and the effort in a process.

The process start is the unit, so a profile that has to be short has fewer calls in a process
rather than fewer blocks: a case gets hundredths of a second. What a group is measured for decides
where. Round trips depend on the placement, so the steady suites have all of their blocks on each
pinned one and, in full, some unpinned; a start and a whole apply are what an operator sees, who
pins nothing, so all or most of their blocks are unpinned. Codecs have one process, for which there
is nothing to split, and little noise. The largest payloads are for full alone.

On two idle cores, conformance included, quick is made for less than four minutes and full for 25;
the file of full is made for less than 10 MB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from random import Random

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.evidence.run.placement import SAME, SPLIT, UNPINNED
from transportlab.evidence.run.timing import Effort
from transportlab.host.discovery import find
from transportlab.registry import load_transport, transport_names

Blocks = Mapping[str, Mapping[str, int]]
"""Group -> placement -> how many blocks."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A run's size. every_codec: whether the conformance matrix has more than the usual codecs."""

    blocks: Blocks
    effort: Effort
    every_codec: bool = True


PROFILES = {
    "smoke": Profile(
        {
            "handshake": {UNPINNED: 1},
            "session": {UNPINNED: 1},
            "codec": {SAME: 1},
            "steady": {UNPINNED: 1},
        },
        Effort(0.002, 2, 20, 1 << 16),
        every_codec=False,
    ),
    "quick": Profile(
        {
            "handshake": {UNPINNED: 5},
            "session": {UNPINNED: 5},
            "codec": {SAME: 5},
            "steady": {SAME: 5, SPLIT: 5},
        },
        Effort(0.006, 3, 1000, 1 << 18),
        every_codec=False,
    ),
    "full": Profile(
        {
            "handshake": {UNPINNED: 30, SAME: 10, SPLIT: 10},
            "session": {UNPINNED: 30},
            "codec": {SAME: 15},
            "steady": {SAME: 30, SPLIT: 30, UNPINNED: 10},
        },
        Effort(0.015, 3, 1000),
    ),
}


# What is compared: each transport with each of its codecs, a second copy of one, and a control.

ARM, COPY, CONTROL = "arm", "aa", "control"

BACKENDS = ("echo", "crontab")
"""The plugins that the suites run."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is compared; copies are told apart by id alone."""

    id: str
    transport: str
    codec: str
    role: str = ARM

    @property
    def usual(self) -> bool:
        """Whether the codec is the transport's usual one, which stands for its carriage."""
        return self.role == ARM and load_transport(self.transport).traits.codecs[0] == self.codec


CONTROL_ARM = Arm("control", "", "", CONTROL)
"""A pipe echo: what the machine itself did meanwhile."""


def transport_arms() -> tuple[list[Arm], list[tuple[str, str]]]:
    """The arms that can run here, and what cannot with why."""
    arms: list[Arm] = []
    missing = []
    for name in transport_names():
        traits = load_transport(name).traits
        reason = _missing(traits.endpoint, traits.requires)
        if reason:
            missing.append((name, reason))
            continue
        arms += [Arm(f"{name}-{codec}", name, codec) for codec in traits.codecs]
    return arms, missing


def _missing(endpoint: EndpointKind, requires: tuple[str, ...]) -> str:
    absent = [library for library in requires if find_spec(library) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if endpoint is EndpointKind.OBJECT:
        return ""
    try:
        for backend in BACKENDS:
            find(backend, library=endpoint is EndpointKind.LIBRARY)
    except PluginError as error:
        library = endpoint is EndpointKind.LIBRARY and error.code == "E-NOT-FOUND"
        return "no libraries were built (no C compiler)" if library else error.code
    return ""


def codec_arms(arms: list[Arm]) -> list[Arm]:
    """The codecs that the transports carry, each as an arm of its own."""
    carried = {arm.codec for arm in arms if load_transport(arm.transport).traits.wire}
    return [Arm(f"codec-{codec}", "", codec) for codec in sorted(carried)]


def copy_of(arms: list[Arm]) -> Arm:
    """The A/A arm: the first arm that has a plugin process, if there is one, once more."""
    isolated = [a for a in arms if a.transport and load_transport(a.transport).traits.isolated]
    original = (isolated or arms)[0]
    return Arm(f"{original.id}#2", original.transport, original.codec, COPY)


# The order of a run: blocks of every kind all over its time, arms in random order in each.
#
# It follows from the seed and from what is run, and from nothing else, so that a run that was
# interrupted goes on in the order in which it began.


@dataclass(frozen=True, slots=True)
class Planned:
    """One block to come: its group, its number among those of its kind, its arms in order."""

    group: str
    placement: str
    number: int
    order: tuple[str, ...]


def schedule(blocks: Blocks, arms: Mapping[str, Sequence[str]], seed: int) -> list[Planned]:
    """Every block of a run; arms are the ids by group.

    A kind with few blocks has them as evenly between the others as they go.
    """
    chance = Random(seed)  # noqa: S311  # an order, not a secret
    due: list[tuple[float, float, str, str, int]] = []
    for group, placements in blocks.items():
        for placement, count in placements.items():
            due += [
                ((number + 0.5) / count, chance.random(), group, placement, number)
                for number in range(count)
            ]
    return [
        Planned(group, placement, number, tuple(chance.sample(arms[group], len(arms[group]))))
        for _, _, group, placement, number in sorted(due)
    ]
