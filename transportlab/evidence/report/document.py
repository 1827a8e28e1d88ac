"""REPORT.md and its figures: a pure function of evidence, claims and settings.

The same files give the same bytes: no clock, no environment, no random number without a seed has a
part in them. The sections come in the order in which a reader needs them: what decides, then what
that rests on, then the limits.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from transportlab.evidence.analysis.claims import CLAIMS, Judged, judge, load_claims
from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.record import merge
from transportlab.evidence.report import breakdown, provenance, suites, summary
from transportlab.evidence.report.config import SETTINGS, View, load_settings
from transportlab.evidence.report.formatting import NONE, digits, noise, ratio, table
from transportlab.evidence.report.plots import figures

FIGURES = "report"
"""The folder of the figures, beside REPORT.md."""

_SECTIONS: tuple[tuple[str, Callable[[View], list[str]]], ...] = (
    ("Summary", summary.summary),
    ("Where the reference is worse, and where better", summary.worse_and_better),
    ("Cold start by phase", breakdown.cold_start),
    ("Each transport and its floor", breakdown.floors),
    ("Codec and carriage separately", breakdown.factors),
    ("CPU and memory of host and plugin", breakdown.ends),
    ("All suites", suites.suites),
    ("Conformance", provenance.conformance),
    ("Not run", provenance.not_run),
    ("The machine", provenance.facts),
    ("Limits of this evidence", provenance.threats),
)


def write(paths: Sequence[Path], out: Path, spec: Sequence[Path] = (CLAIMS, SETTINGS)) -> Path:
    """Write the report on evidence files, and its figures. Returns the file of the report.

    out: a .md file, or a folder for REPORT.md. spec: the files of claims and of settings. Raises
    EvidenceError if a file is not what it should be, and if the evidence cannot be merged.
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
    """The Markdown of the report."""
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
        "The measured sentences of the record, from spec/claims.json, each as a ratio and a bound.",
        "The verdict comes from the interval. It is *inconclusive* if the interval straddles the",
        "bound, or if bound and ratio both lie within the noise. *Processes* are those of both",
        "sides.",
        "",
        *table(("claim", "ratio and bound", "found", "noise", "processes", "verdict"), rows),
    ]
