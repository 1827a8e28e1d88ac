"""Sections on where the figures come from: the run, the machine, what was left out, the limits."""

import math
from collections import Counter
from collections.abc import Iterator
from textwrap import shorten
from typing import Any

from transportlab.evidence.analysis.compare import DRIFTING, STEADY, Side
from transportlab.evidence.analysis.coverage import SHAPES, coverage
from transportlab.evidence.analysis.runs import Runs, digest_of, hardware, machine_name
from transportlab.evidence.analysis.stats import MIN_BLOCKS, MIN_RUNS
from transportlab.evidence.record import ConformanceResult, Evidence
from transportlab.evidence.report.config import View
from transportlab.evidence.report.formatting import digits, listed, table

EXPERIMENTS = 400
"""Of the simulation of what intervals cover: a standard error of one percent."""

SHOWN, LONGEST = 4, 40
"""REPORT.md has so many reasons for what was not run, and so many characters of what it was."""

FEW_CALLS = 30
"""A median of fewer calls says little about a process."""

STATUSES = ("pass", "fail", "unsupported", "not run", "harness error")


OTHER_CODE = "**NOT CURRENT: these figures are of other code than this tree's.**"


def head(view: View, runs: Runs, *, current: bool, others: str) -> list[str]:
    """The title, whether the figures are of this code, and the runs behind them.

    others: the section that other machines are in.
    """
    measured = view.measured.runs
    blocks = sum(len(run.blocks) for run in measured)
    lines = [
        "# What the transports cost",
        "",
        "Made by `transportlab report`; do not edit it.",
        "",
        *([] if current else [OTHER_CODE, ""]),
        f"{_counted(len(measured))} with {blocks} blocks in all, of"
        f" {machine_name(measured[-1])}. Code {runs.digest[:12]}, commit"
        f" {', '.join(dict.fromkeys(run.commit[:12] + _state(run) for run in measured))}.",
    ]
    own = hardware(measured[0])
    beside = {
        "on another machine": runs.groups[1:],
        "of other code here": [g for g in runs.other_code if hardware(g[0]) == own],
        "of other code on another machine": [g for g in runs.other_code if hardware(g[0]) != own],
    }
    counts = {words: sum(map(len, groups)) for words, groups in beside.items()}
    if told := [f"{count} {words}" for words, count in counts.items() if count]:
        lines.append(f"Runs beside them: {', '.join(told)}: *{others}*.")
    if runs.left_out:
        lines.append(f"Left out: {_counted(len(runs.left_out))} of other code; see suites.md.")
    return [*lines, ""]


def _counted(runs: int) -> str:
    return f"{runs} run{'s' * (runs > 1)}"


def _state(run: Evidence) -> str:
    """What is to be known of a run beside its commit; a wheel has none, so no changes either."""
    notes = ["with uncommitted changes"] if run.dirty and run.commit != "unknown" else []
    notes += [] if run.complete else ["interrupted"]
    return f" ({', '.join(notes)})" if notes else ""


def _day(run: Evidence) -> str:
    return f"{run.started[:10]} ({run.profile}, code {digest_of(run)[:12]})"


def runs_table(runs: Runs) -> list[str]:
    """Every run that counts, of this machine first."""
    rows = [
        [
            run.started,
            run.profile,
            str(len(run.blocks)),
            str(run.seed),
            digest_of(run)[:12],
            run.commit[:12] + _state(run),
            machine_name(run),
        ]
        for group in (*runs.groups, *runs.other_code)
        for run in group
    ]
    lines = table(["started", "profile", "blocks", "seed", "code", "commit", "machine"], rows)
    if runs.left_out:
        lines += [f"Of other code and left out: {', '.join(map(_day, runs.left_out))}.", ""]
    return lines


def method(view: View) -> list[str]:
    """What the intervals cover, what the A/A pair shows, where calls were not warm."""
    return [
        f"- Intervals: {_covered(view)}",
        f"- A/A: {_bias(view)}",
        f"- Warm calls: {_warm(view)}",
        *(f"- {text}" for text in view.settings.sure),
        "",
    ]


def _covered(view: View) -> str:
    """How often intervals of this report's counts hold the truth, by simulation."""
    runs = len(view.measured.runs)
    numbers: dict[int, None] = {}
    for run in view.measured.runs[:1]:
        counted = Counter((block.suite, block.placement) for block in run.blocks)
        numbers = dict.fromkeys(sorted(counted.values()))
    found = [
        100 * coverage(shape, blocks, runs, EXPERIMENTS)
        for blocks in numbers
        if blocks * runs >= MIN_BLOCKS
        for shape in SHAPES
    ]
    if not found:
        return f"none, with fewer than {MIN_BLOCKS} blocks."
    between = (
        f"{runs} runs show how runs differ."
        if runs >= MIN_RUNS
        else f"How runs differ is assumed, as it takes {MIN_RUNS} to show."
    )
    return (
        f"of those at 95 % {min(found):.0f} to {max(found):.0f} % hold the truth, in simulations of"
        f" {len(SHAPES)} kinds of data. {between}"
    )


def _bias(view: View) -> str:
    found = view.measured.all_bias()
    if not found:
        return "no pair was measured."
    outside = sum(not one.low <= 1 <= one.high for one in found)
    return (
        f"of {len(found)} intervals of two copies of one arm {outside}"
        f" ({100 * outside / len(found):.1f} %) do not hold 1; 5 % would by chance."
    )


def _warm(view: View) -> str:
    known, cold = _steadiness(view)
    if not known:
        return "the order of calls was not recorded, so whether they were warm is not known."
    few = sum(calls < FEW_CALLS for calls in _calls(view))
    text = (
        f"in {known - len(cold)} of {known} cases the second half of a process's calls takes as"
        f" long as the first, within {STEADY:.0%}."
    )
    return text + (f" {few} have fewer than {FEW_CALLS} calls a process." if few else "")


def _steadiness(view: View) -> tuple[int, list[list[str]]]:
    """How many cases could be checked, and a row for each that was not steady."""
    known, cold = 0, []
    for suite, placement, side in _repeated(view):
        found = view.measured.steadiness(suite, placement, side)
        if found is None:
            continue
        known += 1
        if not found.reached:
            where = f"{suite} {placement} {side.arm} {side.case} {side.metric}"
            cold.append([where, digits(found.change), f"{found.drifting} of {found.processes}"])
    return known, cold


def _repeated(view: View) -> Iterator[tuple[str, str, Side]]:
    for suite in view.evidence.suites:
        for placement in view.measured.placements(suite):
            for side in view.measured.sides(suite, placement):
                yield suite, placement, side


def _calls(view: View) -> list[int]:
    """The fewest calls of a process, of each case that is measured by repeated calls."""
    found = []
    for suite, placement, side in _repeated(view):
        samples = view.measured.samples(suite, placement, side)
        if any(sample.kind == "quantiles" for sample in samples):
            found.append(min(sample.n for sample in samples))
    return found


def steady(view: View) -> list[str]:
    """Every case whose calls were not steady."""
    known, cold = _steadiness(view)
    if not known:
        return ["The order of calls was not recorded.", ""]
    return [
        "The calls of each process are split in their order. A case is steady if the median of the",
        f"second half is within {STEADY:.0%} of the first's, in the geometric mean over processes.",
        f"*Drifting*: processes in which it differs by more than {DRIFTING:.0%}. Not steady are:",
        "",
        *(table(["case", "second half over first", "drifting"], cold) if cold else ["None.", ""]),
    ]


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_one_line(member)}" for name, member in sorted(value.items()))
    if isinstance(value, list):
        return ", ".join(map(_one_line, value)) or "none"
    return str(value)


def conformance(view: View) -> list[str]:
    """How many vectors had which status on each arm."""
    found = view.evidence.conformance
    if found is None:
        return ["Not run.", ""]
    rows = [
        [f"{one.transport}-{one.codec}", *(str(one.totals.get(s, 0)) for s in STATUSES)]
        for one in sorted(found.results, key=lambda one: (one.transport, one.codec))
    ]
    return [
        f"{found.vectors} vectors on each arm. *Unsupported*: by its traits the arm cannot do it.",
        "",
        *table(["arm", *STATUSES], rows),
        *_failures(found.results),
    ]


def _failures(results: list[ConformanceResult]) -> list[str]:
    lines = [
        f"- {one.transport}-{one.codec} fails {', '.join(one.failures)}"
        for one in results
        if one.failures
    ]
    return [*lines, ""] if lines else []


def not_run(view: View) -> list[str]:
    """What was left out, and why."""
    return _gaps(view, [f"- {gap.what}: {gap.why}." for gap in view.evidence.not_run])


def not_measured(view: View) -> list[str]:
    """For REPORT.md: what no run measures, and a line for each reason to leave something out."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for gap in view.evidence.not_run:
        suite, of, arms = gap.what.rpartition(" of ")
        known = reasons.setdefault(gap.why, {"suites": [], "arms": []})
        known["suites"] += [suite] if of else []
        known["arms"].append(arms)
    lines = []
    for why, left in list(reasons.items())[:SHOWN]:
        arms = shorten("; ".join(left["arms"]), LONGEST, placeholder=" ...")
        suites = f"{listed(left['suites'])} of " if left["suites"] else ""
        lines.append(f"- {suites}{arms}: {why}.")
    more = len(reasons) - SHOWN
    lines += [f"- and {more} reasons more, in report/suites.md"] if more > 0 else []
    return [*(f"- {text}" for text in view.settings.unmeasured), *_gaps(view, lines)]


def _gaps(view: View, gaps: list[str]) -> list[str]:
    if not view.evidence.complete:
        gaps.append("- what came after the interruption of the run")
    return [*(gaps or ["- Left out by these runs: nothing."]), ""]


def facts(view: View) -> list[str]:
    """The facts as they were recorded, and the load during the run."""
    rows = [[name, _one_line(value)] for name, value in sorted(view.evidence.facts.items())]
    blocks = view.evidence.blocks
    stolen = [_number(b.after, "steal") - _number(b.before, "steal") for b in blocks]
    beside = {
        "load before a block": [_number(block.before, "load1") for block in blocks],
        "CPU pressure after a block, %": [_number(block.after, "pressure_cpu") for block in blocks],
        "seconds stolen during a block": stolen,
    }
    rows += [[name, _range(values)] for name, values in beside.items()]
    return table(["fact", "value"], rows)


def _number(load: dict[str, Any], name: str) -> float:
    """A figure of a block's load; NaN where the machine does not show it."""
    value = load.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _range(values: list[float]) -> str:
    known = sorted(value for value in values if math.isfinite(value))
    return f"{known[0]:.3g} to {known[-1]:.3g}" if known else "not visible"


def threats(view: View) -> list[str]:
    """The text of the settings."""
    return [*(f"- {threat}" for threat in view.settings.threats), ""]
