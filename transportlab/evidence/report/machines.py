"""Sections on other machines: which verdicts differ there, and what each plugin costs there."""

from collections import Counter
from collections.abc import Sequence

from transportlab.evidence.analysis.claims import Judged, Verdict
from transportlab.evidence.analysis.runs import cpu_name, digest_of, hardware, machine_name
from transportlab.evidence.report.config import View
from transportlab.evidence.report.formatting import NONE, span, table
from transportlab.evidence.report.summary import found, shown_cost, titled


def others(views: Sequence[View]) -> list[View]:
    """The views of other machines than the first one's, or of its own with other libraries."""
    return [view for view in views[1:] if not _is_this_machine(views[0], view)]


def _is_this_machine(here: View, there: View) -> bool:
    """Whether runs are of the same machine, and of other code."""
    same = hardware(here.measured.runs[0]) == hardware(there.measured.runs[0])
    return same and bool(_code(here, there))


def elsewhere(views: Sequence[View], judged: Sequence[Sequence[Judged]]) -> list[str]:
    """What a start takes on other machines, and which verdicts differ there."""
    lines = []
    for there, judged_there in zip(views[1:], judged[1:], strict=True):
        if not _is_this_machine(views[0], there):
            lines += _beside(views[0], there, judged[0], judged_there, "On another machine")
        elif differing := _differing(judged[0], judged_there, "With other code here"):
            lines += [*differing, ""]
    return lines


def _beside(
    here: View, there: View, judged: Sequence[Judged], judged_there: Sequence[Judged], where: str
) -> list[str]:
    runs = there.measured.runs
    own, cpu = (cpu_name(view.measured.runs[0]) for view in (here, there))
    name = machine_name(runs[0]) if cpu == own else cpu
    code = " of other code" if _code(here, there) else ""
    count = f"{len(runs)} run{'s' * (len(runs) > 1)}{code}"
    return [
        f"**{where}**, {name}, {count}:{_took(here, there)}{_counted(judged, judged_there)}",
        *_differing(judged, judged_there, "There"),
        "",
    ]


def _code(here: View, there: View) -> str:
    """What is to be known of runs there if they are not of the report's code."""
    run = there.measured.runs[0]
    if digest_of(run) == digest_of(here.measured.runs[0]):
        return ""
    return f" of other code (commit {run.commit[:12]})"


def _took(here: View, there: View) -> str:
    """A start there over the same here, over all plugins."""
    measure = here.settings.costs[0].measure
    both = [[view.absolute(measure, arm.id) for view in (here, there)] for arm in here.candidates]
    ratios = [other / own for own, other in both if own and other]
    if not ratios:
        return ""
    return f" {measure.title}, baseline included, takes {span(ratios)} of the time here."


def _counted(here: Sequence[Judged], there: Sequence[Judged]) -> str:
    """How many claims have each verdict here, and how many of these have it there."""
    counts = Counter(one.verdict for one in here)
    same = Counter(a.verdict for a, b in zip(here, there, strict=True) if a.verdict is b.verdict)
    words = [word for word in Verdict if counts[word]]
    told = [f"{word} here {counts[word]}, there too {same[word]}" for word in words]
    return f" Of the claims: {'; '.join(told)}."


def _differing(here: Sequence[Judged], there: Sequence[Judged], where: str) -> list[str]:
    """The claims whose verdict differs there, by that verdict."""
    found_there: dict[Verdict, list[str]] = {}
    for ours, theirs in zip(here, there, strict=True):
        if ours.verdict is not theirs.verdict:
            found_there.setdefault(theirs.verdict, []).append(f"{theirs.claim.id} {found(theirs)}")
    return [f"{where} {verdict}: {', '.join(texts)}." for verdict, texts in found_there.items()]


def in_full(views: Sequence[View], judged: Sequence[Sequence[Judged]]) -> list[str]:
    """Verdicts and costs by machine, and by code if it was measured there before.

    The first is the report's.
    """
    first = views[0]
    names = [machine_name(view.measured.runs[0]) + _code(first, view) for view in views]
    rows = [
        [group[0].claim.id, *(f"{one.verdict}: {found(one)}" for one in group)]
        for group in zip(*judged, strict=True)
    ]
    lines = [
        line
        for view, own in zip(views, judged, strict=True)
        if _is_this_machine(first, view)
        for line in _beside(first, view, judged[0], own, "On this machine")
    ]
    lines += table(["claim", *names], rows)
    for cost in first.settings.costs:
        rows = [
            [first.named(kind, arm.plugin), arm.host, arm.transport, *cells]
            for kind, arms in (("plugins", first.candidates), ("peers", first.peers))
            for arm in arms
            if set(cells := [shown_cost(view, cost, arm) for view in views]) != {NONE}
        ]
        lines += [f"Over the host's baseline: {titled(first, cost.measure)}.", ""]
        lines += table(["plugin", "host", "over", *names], rows, texts=3)
    return lines
