"""The plan of a run: how much is measured, which arms can be, and in which order.

The unit of measurement is a process start, so a short profile makes fewer calls in each process,
not fewer blocks. Where the blocks are placed depends on what the group is for:

    steady      a round trip depends on the placement, so every pinned placement has all blocks; in
                full some more are unpinned
    handshake,  an operator waits for these, and pins nothing, so all or most blocks are unpinned
    session
    codec       one process with little noise, and nothing to split

On two idle cores, with the conformance matrix, `quick` takes less than four minutes. `full` takes
25 and writes less than 10 MB; it alone has the largest payloads.
"""

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from transportlab.channel import EndpointKind, Transport
from transportlab.errors import PluginError
from transportlab.evidence.record import Arm
from transportlab.evidence.run.placement import SAME, SPLIT, UNPINNED
from transportlab.evidence.run.timing import Effort
from transportlab.host.discovery import find
from transportlab.registry import load_transport, not_built, not_installed, transport_names

Blocks = Mapping[str, Mapping[str, int]]
"""How many blocks, by group of suites and by placement."""


class Profile(msgspec.Struct, frozen=True):
    """How much a run measures.

    every_codec: whether the conformance matrix covers all codecs, not each transport's usual one.
    """

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

CONTROL_ARM = Arm("control", "", "", "control")

BACKENDS = ("echo", "crontab")
"""The plugins that the suites run."""


def transport_arms() -> tuple[list[Arm], list[tuple[str, str]]]:
    """The arms that can be measured here; and the transports and arms that cannot, with why."""
    arms: list[Arm] = []
    missing = []
    for name in transport_names():
        transport = load_transport(name)
        reason = _missing(transport)
        if reason:
            missing.append((name, reason))
            continue
        for codec in transport.traits.codecs:
            arm = Arm(f"{name}-{codec}", name, codec, "arm")
            if lacking := not_installed(transport, codec):
                missing.append((arm.id, lacking))
            else:
                arms.append(arm)
    return arms, missing


def _missing(transport: Transport) -> str:
    """Why the transport cannot be measured here; empty if it can."""
    if lacking := not_installed(transport):
        return lacking
    endpoint = transport.traits.endpoint
    if endpoint is EndpointKind.OBJECT:
        return ""
    library = endpoint is EndpointKind.LIBRARY
    try:
        for backend in BACKENDS:
            find(backend, library=library)
    except PluginError as error:
        unbuilt = library and error.code == "E-NOT-FOUND"
        return not_built(transport) if unbuilt else error.code
    return ""


def codec_arms(arms: list[Arm]) -> list[Arm]:
    """The codecs of the arms that use a wire, each as an arm without a transport."""
    carried = {arm.codec for arm in arms if load_transport(arm.transport).traits.wire}
    return [Arm(f"codec-{codec}", "", codec, "arm") for codec in sorted(carried)]


def copy_of(arms: list[Arm]) -> Arm:
    """The A/A arm: a copy of the first arm that has a plugin process, else of the first."""
    isolated = [a for a in arms if a.transport and load_transport(a.transport).traits.isolated]
    original = (isolated or arms)[0]
    return Arm(f"{original.id}#2", original.transport, original.codec, "aa")


class Planned(msgspec.Struct, frozen=True):
    """A block that is to be measured. number: among the blocks of its group and placement."""

    group: str
    placement: str
    number: int
    order: tuple[str, ...]


def schedule(blocks: Blocks, arms: Mapping[str, Sequence[str]], seed: int) -> list[Planned]:
    """The order of a run. arms: ids by group.

    The blocks of each group and placement are spread evenly over the run, so that whatever the
    machine does for a while meets all of them. Within a block the arms are in random order.

    The same arguments give the same order, so an interrupted run is resumed in the order in which
    it began.
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
