"""REPORT.md, report/suites.md and their figures, or one page of all: a function of what it reads.

That is evidence, claims, budget and settings. The same files give the same bytes: no clock, no
environment, no random number without a seed has a part in them. Whether the figures are of the code
at hand is said at the top of both documents.

REPORT.md is read in five minutes, so it has at most LARGEST bytes; all that it rests on is in
suites.md.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from transportlab.data import write_file
from transportlab.errors import UsageError
from transportlab.evidence.analysis.budget import BUDGET, Budget, load_budget
from transportlab.evidence.analysis.claims import CLAIMS, Claim, Judged, judge, load_claims
from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.analysis.runs import Runs, read
from transportlab.evidence.arms import load_arms
from transportlab.evidence.report import breakdown, machines, provenance, suites, summary
from transportlab.evidence.report.config import SETTINGS, Settings, View, load_settings
from transportlab.evidence.report.formatting import NONE, counts, probability, table
from transportlab.evidence.report.page import page
from transportlab.evidence.report.plots import figures
from transportlab.evidence.run.machine import source_digest

FIGURES = "report"
"""The folder of the figures and of suites.md, beside REPORT.md."""

LARGEST = 10_000

OTHERS = "Other machines"
"""The section of suites.md on them."""

_Section = tuple[str, Callable[[View], list[str]]]

_DETAILS: tuple[_Section, ...] = (
    ("Each transport over the reference, by plugin and host", breakdown.pairs),
    ("Cold start by phase", breakdown.cold_start),
    ("Each transport and its reference echo", breakdown.floors),
    ("Codec and carriage separately", breakdown.factors),
    ("CPU and memory of host and plugin", breakdown.ends),
    ("All suites", suites.suites),
    ("Steady state", provenance.steady),
    ("Conformance", provenance.conformance),
    ("Not run", provenance.not_run),
    ("The machine", provenance.facts),
    ("Limits of this evidence", provenance.threats),
)


class Rules(msgspec.Struct, frozen=True):
    """What evidence is read by: the claims, the budget, and what is shown."""

    claims: list[Claim]
    budget: Budget
    settings: Settings


def load_rules(claims: Path = CLAIMS, budget: Path = BUDGET, settings: Path = SETTINGS) -> Rules:
    """The files of spec/. Raises EvidenceError."""
    return Rules(load_claims(claims), load_budget(budget), load_settings(settings))


class Documents(msgspec.Struct, frozen=True):
    """The text of REPORT.md and of suites.md."""

    report: str
    suites: str


def write(paths: Sequence[Path], out: Path) -> Path:
    """Write the report on evidence files, and its figures. Returns the file of the report.

    out: a .md file, or a folder for REPORT.md. Raises EvidenceError if a file is not evidence.
    """
    made, drawn = _made(paths)
    target = out if out.suffix == ".md" else out / "REPORT.md"
    folder = target.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in drawn.items():
        write_file(folder / f"{name}.svg", svg)
    write_file(target, made.report)
    write_file(folder / "suites.md", made.suites)
    return target


def write_page(paths: Sequence[Path], out: Path) -> None:
    """Write the same as one page of HTML. Raises EvidenceError if a file is not evidence."""
    made, drawn = _made(paths)
    write_file(out, page(made.report, made.suites, drawn))


def _made(paths: Sequence[Path]) -> tuple[Documents, dict[str, bytes]]:
    runs, rules = read(paths, source_digest()), load_rules()
    drawn = figures(views_of(runs, rules)[0])
    return documents(runs, rules, drawn), drawn


def current(runs: Runs) -> bool:
    """Whether the runs are of the code at hand."""
    return runs.digest == source_digest()


def views_of(runs: Runs, rules: Rules) -> list[View]:
    """Each machine. The first one, with most blocks, is that of the report.

    Those with runs of other code come last.
    """
    titles, groups = _titles(), [*runs.groups, *runs.other_code]
    return [View(Measured(group), rules.settings, rules.budget, titles) for group in groups]


def _titles() -> dict[str, dict[str, str]]:
    """The titles of the candidates among hosts and plugins, and of what stands beside them."""
    try:
        arms = load_arms()
    except UsageError:  # what is not known has no title
        return {}
    plugins = {one.id: one.title for one in arms.plugins if one.role == "candidate"}
    return {
        "hosts": {one.id: one.title for one in arms.hosts if not one.another},
        "plugins": plugins,
        "peers": {one.id: one.title for one in arms.plugins if one.id not in plugins},
    }


def documents(
    runs: Runs,
    rules: Rules,
    drawn: Sequence[str] | dict[str, bytes] = (),
    *,
    of: bool | None = None,
) -> Documents:
    """The two documents.

    drawn: the names of the figures. of: whether the runs are of the code at hand, if it is not to
    be looked up.
    """
    views = views_of(runs, rules)
    view = replace(views[0], drawn=frozenset(drawn))
    judged = [judge(rules.claims, one.measured, rules.budget) for one in views]
    known = current(runs) if of is None else of
    heads = {
        section: provenance.head(view, runs, current=known, others=section)
        for section in ("Claims", OTHERS)
    }
    report = [
        *heads["Claims"],
        *_section("The answer", summary.answer(view)),
        *_section("What each transport costs", summary.costs(view)),
        *_section("Where a start goes", summary.start(view)),
        *_section("Better and worse", summary.worse_and_better(view)),
        *_section("Claims", [*summary.claims(judged[0]), *machines.elsewhere(views, judged)]),
        *_section("How sure", provenance.method(view)),
        *_section("What was not measured", provenance.not_measured(view)),
        *_section("Reproduce it", _REPRODUCE),
    ]
    details = [
        "# Suites",
        "",
        "What [REPORT.md](../REPORT.md) rests on. Generated with it; do not edit it.",
        "",
        *heads[OTHERS][4:],
        *_section("Runs", provenance.runs_table(runs)),
        *(_section(OTHERS, machines.in_full(views, judged)) if len(views) > 1 else []),
        *_section("Claims", claims_in_full(judged[0])),
    ]
    for title, section in _DETAILS:
        details += _section(title, section(view))
    return Documents(_text(report), _text(details))


_REPRODUCE = [
    "    make evidence PROFILE=full        # this machine, 15 minutes; quick takes 5",
    "    .venv/bin/transportlab reproduce  # judges the claims by that run",
    "",
    "More: [suites.md](report/suites.md). Words: [words.md](docs/words.md). One page:",
    "`transportlab report --html FILE`.",
    "",
]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def claims_in_full(judged: Sequence[Judged]) -> list[str]:
    """Every claim with its sentence, its sides, what was found and how much is behind it."""
    rows = [
        (
            f"{one.claim.id}: {one.claim.sentence}",
            f"{one.claim.arm} {'-' if isinstance(one.claim.bound, str) else '/'}"
            f" {one.claim.against or 'nothing'} {one.claim.comparison} {summary.bound(one)}",
            summary.found(one),
            NONE if one.found is None else probability(one.p),
            NONE if one.found is None else counts(one.found.counts),
            f"**{one.verdict}**",
        )
        for one in judged
    ]
    return [
        "The measured sentences of the record, from spec/claims.json. A claim holds or is",
        "contradicted if its p, adjusted for all claims by Holm's method, is below 0.05. It is",
        "*practically equal* if two one-sided tests place it within its margin of the bound.",
        "",
        *table(("claim", "bound", "found", "p", "behind", "verdict"), rows),
    ]
