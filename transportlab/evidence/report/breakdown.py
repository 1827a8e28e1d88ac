"""A figure taken apart: phases of a start, a transport over its floor, codec and carriage, ends."""

from transportlab.evidence.analysis.compare import Side
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import Ends, Measure, View
from transportlab.evidence.report.formatting import NONE, amount, ratio, table


def cold_start(view: View) -> list[str]:
    """Phases of every arm, and what the interpreter and the imports take when they are alone."""
    wanted = view.settings.cold_start
    placement = view.placement(wanted.suite)

    def median(arm: str, case: str, metric: str) -> str:
        value = view.measured.absolute(wanted.suite, placement, Side(arm, case, metric))
        return amount(value, "s")

    controls = [arm.id for arm in view.evidence.arms if arm.role == "control"]
    bare = [median(control, wanted.bare, wanted.alone) for control in controls]
    rows = [
        [
            arm.id,
            *(median(arm.id, wanted.case, phase.metric) for phase in wanted.phases),
            median(arm.id, wanted.imports, wanted.alone),
        ]
        for arm in view.arms
    ]
    head = ["arm", *(phase.title for phase in wanted.phases), "imports alone"]
    return [
        "Medians over processes. *Imports alone* is a bare interpreter that imports what the",
        f"plugin imports, start to exit; one that imports nothing takes {', '.join(bare) or NONE}.",
        "",
        *table(head, rows),
        *view.figure("cold-start", "Phases of a cold start, stacked, by arm"),
        *view.figure("spread", "Every process, one dot each, by arm"),
    ]


def floors(view: View) -> list[str]:
    """As built over a raw echo of the same bytes on the same carriage, by size."""
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
        "layers, over a raw echo on the same carriage. So a rejected alternative has its best case",
        f"shown: the floor is the least that it could cost. Placement: {placement}.",
        "",
        *(table(head, rows) if rows else ["Not measured.", ""]),
        *view.figure("floors", "Each transport and its floor, by bytes"),
    ]


def floor_arms(view: View) -> list[str]:
    """The arms that have a floor beside them."""
    wanted = view.settings.floor
    return [arm.id for arm in view.arms if view.sizes(wanted.suite, arm.id, wanted.floor)]


def _floor_cell(view: View, arm: str, size: int) -> str:
    wanted = view.settings.floor
    placement = view.placement(wanted.suite)
    over = Side(arm, f"{wanted.prefix}{size}", wanted.metric)
    under = Side(arm, f"{wanted.floor}{size}", wanted.metric)
    found = view.measured.compare(wanted.suite, placement, over, under)
    floor = amount(view.measured.absolute(wanted.suite, placement, under), "s")
    return f"{ratio(found)}<br>floor {floor}"


def factors(view: View) -> list[str]:
    """One factor varied and the other held: other codecs on a transport, a codec's transports."""
    rows = []
    for over, under, held in _pairs(view.arms):
        cells = [_factor_cell(view, measure, over, under) for measure in view.settings.factors]
        rows.append([f"{over.id} / {under.id}", held, *cells])
    head = ["ratio", "what differs", *(measure.title for measure in view.settings.factors)]
    return [
        "A codec is how a message becomes bytes, a carriage how bytes travel. Each row varies one",
        "of them and holds the other; what codecs cost without a transport is the suite *codec*.",
        "",
        *table(head, rows),
    ]


def _pairs(arms: list[Arm]) -> list[tuple[Arm, Arm, str]]:
    """Codecs within a transport, then transports within a codec, each against the first there."""
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


def _factor_cell(view: View, measure: Measure, over: Arm, under: Arm) -> str:
    sides = (Side(arm.id, measure.case, measure.metric) for arm in (over, under))
    return ratio(view.measured.compare(measure.suite, view.placement(measure.suite), *sides))


def ends(view: View) -> list[str]:
    """CPU seconds and memory of host and plugin, medians over processes."""
    head = ["arm", *(wanted.title for wanted in view.settings.ends)]
    rows = [
        [arm.id, *(_ends_cell(view, wanted, arm.id) for wanted in view.settings.ends)]
        for arm in view.arms
    ]
    return [
        "Host + plugin, medians over processes. Where there is no plugin process the host's figure",
        "holds all.",
        "",
        *table(head, rows),
    ]


def _ends_cell(view: View, wanted: Ends, arm: str) -> str:
    placement = view.placement(wanted.suite)
    shown = []
    for metric in (wanted.host, wanted.plugin):
        value = view.measured.absolute(wanted.suite, placement, Side(arm, wanted.case, metric))
        shown.append(amount(value, view.unit(wanted.suite, placement, wanted.case, metric)))
    return NONE if set(shown) == {NONE} else " + ".join(shown)
