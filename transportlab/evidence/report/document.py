"""REPORT.md and its figures: a pure function of evidence, claims and settings, byte for byte.

No clock, no environment, no random number without a seed goes into it. The text is in the order in
which it is needed: what decides first, then what that rests on, then what may be wrong with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from transportlab.evidence.analysis.claims import CLAIMS, Judged, judge, load_claims
from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.record import merge
from transportlab.evidence.report import breakdown as apart
from transportlab.evidence.report import provenance
from transportlab.evidence.report import suites as tables
from transportlab.evidence.report import summary as minute
from transportlab.evidence.report.config import SETTINGS, View, load_settings
from transportlab.evidence.report.formatting import NONE, digits, noise, ratio, table
from transportlab.evidence.report.plots import figures

FIGURES = "report"
"""The folder of the figures, beside REPORT.md."""

_SECTIONS: tuple[tuple[str, Callable[[View], list[str]]], ...] = (
    ("In a minute", minute.decider),
    ("What is worse and what is better", minute.worse_and_better),
    ("Where a cold start goes", apart.cold_start),
    ("Each transport against its floor", apart.floors),
    ("Codec and carriage apart", apart.factors),
    ("What both ends spend", apart.ends),
    ("Every suite", tables.suites),
    ("Conformance", provenance.conformance),
    ("What was not run", provenance.not_run),
    ("The machine", provenance.facts),
    ("What may be wrong with this", provenance.threats),
)


def write(paths: Sequence[Path], out: Path, spec: Sequence[Path] = (CLAIMS, SETTINGS)) -> Path:
    """Report on the files. out: a .md file, or the folder that REPORT.md goes into. Returns it.

    spec: the files of claims and of settings. Raises EvidenceError for a file that is not what it
    is given as, and for evidence that cannot be merged.
    """
    claims, settings = spec
    measured = Measured(merge(paths))
    view = View(measured, load_settings(settings))
    judged = judge(load_claims(claims), measured)
    target = out if out.suffix == ".md" else out / "REPORT.md"
    folder = target.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    drawn = figures(view)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_bytes(svg)
    target.write_text(text(replace(view, drawn=frozenset(drawn)), judged), encoding="utf-8")
    return target


def text(view: View, judged: Sequence[Judged]) -> str:
    """The Markdown."""
    lines = provenance.head(view)
    for title, section in _SECTIONS:
        lines += [f"## {title}", "", *section(view)]
    lines += ["## Claims", "", *claims_section(judged)]
    return "\n".join(lines).rstrip("\n") + "\n"


def claims_section(judged: Sequence[Judged]) -> list[str]:
    """Every claim with its bound, what was found, and the verdict."""
    rows = [
        (
            f"{one.claim.id}: {one.claim.sentence}",
            f"{one.claim.numerator} / {one.claim.denominator}"
            f" {one.claim.comparison} {digits(one.claim.bound)}",
            ratio(one.found),
            noise(one.found.noise) if one.found else NONE,
            str(one.found.processes) if one.found else NONE,
            f"**{one.verdict}**",
        )
        for one in judged
    ]
    return [
        "Each is a sentence of the record with a predicate, from spec/claims.json. The verdict",
        "comes from the interval: *inconclusive* if it straddles the bound, or if bound and",
        "ratio both lie within the noise. Processes are those of both sides.",
        "",
        *table(("claim", "predicate", "found", "noise", "processes", "verdict"), rows),
    ]
