"""Sections that take figures apart: pairs, phases of a start, floors, codec and carriage, ends."""

from transportlab.evidence.analysis.compare import Side
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import Ends, View, pair_of
from transportlab.evidence.report.formatting import NONE, amount, ratio, table


def cold_start(view: View) -> list[str]:
    """The phases of every arm's start, and what the interpreter and the imports take alone."""
    wanted = view.settings.cold_start
    placement = view.placement(wanted.suite)

    def mean(arm: str, case: str, metric: str) -> str:
        value = view.measured.absolute(wanted.suite, placement, Side(arm, case, metric))
        return amount(value, "s")

    controls = [arm.id for arm in view.evidence.arms if arm.role == "control"]
    bare = [mean(control, wanted.bare, wanted.alone) for control in controls]
    rows = [
        [
            arm.id,
            *(mean(arm.id, wanted.case, phase.metric) for phase in wanted.phases),
            mean(arm.id, wanted.imports, wanted.alone),
        ]
        for arm in [*view.all_arms, *view.peers]
    ]
    head = ["arm", *(phase.title for phase in wanted.phases), "imports alone"]
    return [
        "Geometric means over blocks. *Imports alone* is a bare interpreter that imports what the",
        f"plugin imports, from start to exit. One that imports nothing takes"
        f" {', '.join(bare) or NONE}.",
        "",
        *table(head, [row for row in rows if set(row[1:]) != {NONE}]),
        *view.figure("cold-start", "Phases of a cold start, stacked, by arm"),
        *view.figure("spread", "Every process, one dot each, by arm"),
    ]


def floors(view: View) -> list[str]:
    """Each transport as built, over an echo of the same bytes on the same carriage, by size."""
    wanted = view.settings.floor
    placement = view.placement(wanted.suite)
    names = floor_arms(view)
    sizes = sorted({s for n in names for s in view.sizes(wanted.suite, n, wanted.floor)})
    head = ["bytes", *names]
    rows = [
        [amount(size, "B"), *(_floor_cell(view, name, size) for name in names)] for size in sizes
    ]
    return [
        "The same bytes there and back: the transport as built, with its codec and the lab's",
        "layers, over a reference echo on the same carriage. The echo is a loop in Python. It",
        "shows what library and layers add, and is no lower bound of what the carriage can do.",
        f"Placement: {placement}.",
        "",
        *(table(head, rows) if rows else ["Not measured.", ""]),
        *view.figure("floors", "Each transport and its reference echo, by bytes"),
    ]


def floor_arms(view: View) -> list[str]:
    """The ids of the arms whose floor was measured."""
    wanted = view.settings.floor
    return [arm.id for arm in view.arms if view.sizes(wanted.suite, arm.id, wanted.floor)]


def _floor_cell(view: View, arm: str, size: int) -> str:
    wanted = view.settings.floor
    placement = view.placement(wanted.suite)
    over = Side(arm, f"{wanted.prefix}{size}", wanted.metric)
    under = Side(arm, f"{wanted.floor}{size}", wanted.metric)
    found = view.measured.compare(wanted.suite, placement, over, under)
    floor = amount(view.measured.absolute(wanted.suite, placement, under), "s")
    return f"{ratio(found)}<br>echo {floor}"


def factors(view: View) -> list[str]:
    """The codecs of each transport, and the transports of each codec, against the first of them."""
    rows = []
    for over, under, held in _pairs(view.arms):
        cells = [ratio(view.compare(m, over.id, under.id)) for m in view.settings.factors]
        rows.append([f"{over.id} / {under.id}", held, *cells])
    head = ["ratio", "what differs", *(measure.title for measure in view.settings.factors)]
    return [
        "A codec makes bytes of a message; a carriage moves bytes. Each row varies one of them and",
        "keeps the other. The suite *codec* has what codecs cost without a transport.",
        "",
        *table(head, rows),
    ]


def _pairs(arms: list[Arm]) -> list[tuple[Arm, Arm, str]]:
    """Pairs of arms that differ in codec or carriage alone, with a text that says in which."""
    found = []
    for what, key in (("codec", "transport"), ("carriage", "codec")):
        first: dict[str, Arm] = {}
        for arm in arms:
            held = getattr(arm, key)
            if held in first:
                found.append((arm, first[held], f"{what}; {key} {held}"))
            else:
                first[held] = arm
    return found


def ends(view: View) -> list[str]:
    """CPU seconds and memory of host and plugin."""
    lines = [
        "Resident memory counts pages that other processes have as well; unique memory is what a",
        "process has alone; of proportional memory each page is divided among those that have it.",
    ]
    head = ["arm", *(wanted.title for wanted in view.settings.ends)]
    rows = [
        [arm.id, *(_ends_cell(view, wanted, arm.id) for wanted in view.settings.ends)]
        for arm in [*view.all_arms, *view.peers]
    ]
    return [
        "Host + plugin, means over blocks. An arm without a plugin process has everything in",
        "the host's figure.",
        *lines,
        "",
        *table(head, [row for row in rows if set(row[1:]) != {NONE}]),
    ]


def _ends_cell(view: View, wanted: Ends, arm: str) -> str:
    placement = view.placement(wanted.suite)
    shown = []
    for metric in (wanted.host, wanted.plugin):
        value = view.measured.absolute(wanted.suite, placement, Side(arm, wanted.case, metric))
        unit = view.measured.unit(wanted.suite, placement, wanted.case, metric)
        shown.append(amount(value, unit))
    return NONE if set(shown) == {NONE} else " + ".join(shown)


def pairs(view: View) -> list[str]:
    """Each transport over the reference's, by plugin and host, in the measures of the summary."""
    rows = [
        [view.title(pair), arm.transport, *_ratios(view, arm, reference)]
        for pair in view.pairs
        if (reference := view.reference_of(pair))
        for arm in view.candidates
        if pair_of(arm) == pair and arm != reference
    ]
    return [
        "What *Better and worse* in REPORT.md counts. A ratio is to the arm of the same plugin and",
        f"host that has the transport and codec of {view.settings.reference}.",
        "",
        *table(
            ["plugin and host", "over", *(m.title for m in view.settings.decider)], rows, texts=2
        ),
    ]


def _ratios(view: View, arm: Arm, reference: Arm) -> list[str]:
    return [ratio(view.compare(m, arm.id, reference.id)) for m in view.settings.decider]
