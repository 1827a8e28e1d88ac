"""The plan of a run: how much is measured, which arms can be, and in which order.

The unit of measurement is a process start, so a short profile makes fewer calls in each process,
not fewer blocks. Where the blocks are placed depends on what the group is for:

    steady      a round trip depends on the placement, so each pinned one has blocks
    handshake,  an operator waits for these, and pins nothing, so all blocks are unpinned
    session
    codec       one process with little noise, and nothing to split

On two idle cores, with the conformance matrix and every toolchain, `quick` takes less than five
minutes. `full` takes about 17; it alone has the largest payloads and every arm of spec/arms.json.
`--arm` chooses among them. A record is four runs of it or more: runs differ by more than their
blocks show, so four short runs give narrower intervals than three of eight blocks.
"""

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from transportlab.errors import UsageError
from transportlab.evidence.arms import Catalogue, defined, load_arms, own_arms
from transportlab.evidence.record import Arm, NotRun
from transportlab.evidence.run.placement import SAME, SPLIT, UNPINNED
from transportlab.evidence.run.timing import Effort
from transportlab.registry import load_transport

Blocks = Mapping[str, Mapping[str, int]]
"""How many blocks, by group of suites and by placement."""


class Profile(msgspec.Struct, frozen=True):
    """How much a run measures.

    every_codec: whether the conformance matrix covers all codecs, not each transport's usual one.
    every_arm: whether all of spec/arms.json are measured, not the quick ones alone.
    """

    blocks: Blocks
    effort: Effort
    every_codec: bool = True
    every_arm: bool = True


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
        every_arm=False,
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
        every_arm=False,
    ),
    "full": Profile(
        {
            "handshake": {UNPINNED: 5},
            "session": {UNPINNED: 5},
            "codec": {SAME: 5},
            "steady": {SAME: 5, SPLIT: 5},
        },
        Effort(0.015, 30, 1000),
    ),
}

CONTROL_ARM = Arm("control", "", "", "control")

LATER = "left to the profile full"

ALL = "all"
"""The word for the arms of the profile, among those that a run is asked for."""


class Chosen(msgspec.Struct, frozen=True):
    """The arms of a run, and what was left out of it with the reasons.

    named: whether the run was asked for arms, so that others are not missed.
    """

    catalogue: Catalogue
    arms: list[Arm]
    left_out: list[NotRun]
    named: bool = False


def transport_arms() -> tuple[list[Arm], list[NotRun]]:
    """The arms of the lab's own host and plugin, and which of them cannot be measured here."""
    catalogue = load_arms()
    return _runnable(catalogue, own_arms(catalogue))


def chosen_arms(every: bool, words: Sequence[str] = ()) -> Chosen:
    """The arms of a run.

    every: all of the file, not its quick ones alone. words: ids, definitions (arms.defined) and
    ALL; if there are any, they alone. Raises UsageError for what is neither, and for an arm that a
    run was asked for by its id or definition and that cannot be measured here.
    """
    catalogue = load_arms()
    known = {arm.id: arm for arm in catalogue.arms()}
    quick = {arm.id for arm in own_arms(catalogue)} | set(catalogue.quick)
    wanted: dict[str, Arm] = {}
    for word in words or (ALL,):
        if word == ALL:
            wanted |= {name: arm for name, arm in known.items() if every or name in quick}
            continue
        if word not in known:
            plugin, arm = defined(word, catalogue)
            catalogue = catalogue.with_plugin(plugin)
        else:
            arm = known[word]
        if missing := catalogue.missing(arm):
            raise UsageError(f"--arm {word}: not run: {missing}")
        wanted[arm.id] = arm
    arms, missed = _runnable(catalogue, list(wanted.values()))
    later = {} if every or words else {a: LATER for n, a in known.items() if n not in wanted}
    return Chosen(catalogue, arms, missed + _told(later), bool(words))


def _runnable(catalogue: Catalogue, arms: Sequence[Arm]) -> tuple[list[Arm], list[NotRun]]:
    reasons = {arm.id: catalogue.missing(arm) for arm in arms}
    able = [arm for arm in arms if not reasons[arm.id]]
    return able, _told({arm: reasons[arm.id] for arm in arms if reasons[arm.id]})


def _told(reasons: Mapping[Arm, str]) -> list[NotRun]:
    """Arms that are not run, those of one host with one reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for arm, why in reasons.items():
        found.setdefault((arm.host, why), []).append(arm.id)
    return [NotRun(", ".join(names), why) for (_, why), names in found.items()]


def codec_arms(arms: list[Arm]) -> list[Arm]:
    """The codecs of the arms that use a wire, each as an arm without a transport."""
    carried = {arm.codec for arm in arms if load_transport(arm.transport).traits.wire}
    return [Arm(f"codec-{codec}", "", codec, "arm") for codec in sorted(carried)]


def copy_of(arms: list[Arm]) -> Arm:
    """The A/A arm: a copy of the first arm that has a plugin process, else of the first."""
    isolated = [a for a in arms if a.transport and load_transport(a.transport).traits.isolated]
    original = (isolated or arms)[0]
    return msgspec.structs.replace(original, id=f"{original.id}#2", role="aa")


class Planned(msgspec.Struct, frozen=True):
    """A block that is to be measured. number: among the blocks of its group and placement."""

    group: str
    placement: str
    number: int
    order: tuple[str, ...]

    @property
    def key(self) -> "Key":
        """What tells it from the other blocks of its run."""
        return (self.group, self.placement, self.number)


Key = tuple[str, str, int]
"""A block's group, placement and number."""


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
