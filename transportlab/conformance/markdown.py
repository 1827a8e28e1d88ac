"""A run's results as Markdown, for the summary that a CI shows beside a change.

What a plugin says stands in code spans, so that nothing in it becomes a heading, a link or a table.
"""

import re
from collections.abc import Iterator, Sequence

from transportlab.conformance.patterns import cut
from transportlab.conformance.report import SUITE, counted, replay_command, skipped
from transportlab.conformance.result import ArmResult, Outcome, Report, Status, ladder, level_name
from transportlab.quote import clean

MOST = 30
"""Failures that are listed: a summary is read, and hosts of CI bound its size."""

SHOWN = 400
"""Characters of a problem that are shown."""


def markdown(  # noqa: PLR0913  # what a run was, and its result
    report: Report,
    title: str,
    revision: str,
    replay: Sequence[str],
    suite: Sequence[str] = SUITE,
    *,
    whole: bool = True,
) -> str:
    """The whole text. title: what was tested. replay, suite: see outcome_text()."""
    verdict = "conforms" if report.ok else "does not conform"
    if not whole and report.ok:
        verdict = "passes these vectors"
    lines = [f"### {code(title)} {verdict}", ""]
    lines += [f"{counted(len(report.vectors), 'vector')}, revision {revision} of the protocol.", ""]
    heads = ["arm", *(["level"] if whole else []), *(status.value for status in Status), "known"]
    lines += [_row(heads), _row(["---"] * len(heads))]
    for arm in report.arms:
        names = arm.outcomes[0].vector.LADDER if arm.outcomes else ()
        level = [level_name(ladder(arm)[0], names)] if whole else []
        totals = [str(count) for count in arm.totals().values()]
        lines.append(_row([arm.name, *level, *totals, str(len(arm.known()))]))
    lines += _section("Failures", list(_failures(report, replay, suite)))
    lines += _section(
        "Disagreements",
        [
            f"- {code(f'{d.transport}-{d.codec} {d.vector.id}')}: {code(d.problem)}"
            for d in report.disagreements
        ],
    )
    fixed = [f"- {code(i)}: it passes; take it out of the known failures" for i in report.fixed]
    lines += _section("Fixed", fixed)
    lines += _section("Known failures", list(_notes(report, known=True)))
    lines += _section("Advisory failures, which no revision requires yet", list(_notes(report)))
    lines += _section("Not tried", list(_skipped(report.arms)))
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """The text as a code span, on one line."""
    shown = clean(text).replace("|", "\\|")
    ticks = max((len(run) for run in re.findall("`+", shown)), default=0) + 1
    pad = " " if ticks > 1 else ""
    return f"{'`' * ticks}{pad}{shown}{pad}{'`' * ticks}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _section(title: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = [f"- and {len(items) - MOST} more"] if len(items) > MOST else []
    return ["", f"#### {title}", "", *items[:MOST], *more]


def _failures(report: Report, replay: Sequence[str], suite: Sequence[str]) -> Iterator[str]:
    untried: dict[str, int] = {}
    for arm in report.arms:
        for outcome in arm.bad():
            if not outcome.untried:
                command = replay_command(arm, [outcome.vector.id], replay, suite)
                text = f"{code(f'{arm.name} {outcome.vector.id}')}: {_problem(outcome)}"
                yield f"- {text}; {code(command)}"
                continue
            problem = f"{arm.name}: {_problem(outcome)}"
            untried[problem] = untried.get(problem, 0) + 1
    for problem, count in untried.items():
        yield f"- {problem} ({counted(count, 'vector')} not tried)"


def _problem(outcome: Outcome) -> str:
    problem = outcome.reason if outcome.failure is None else outcome.failure.problem
    return code(cut(problem, SHOWN))


def _notes(report: Report, *, known: bool = False) -> Iterator[str]:
    for arm in report.arms:
        for outcome in arm.outcomes:
            name = code(f"{arm.name} {outcome.vector.id}")
            if known and outcome.known:
                yield f"- {name}: {code(outcome.known)}"
            elif not known and outcome.advisory and outcome.status is Status.FAIL:
                yield f"- {name}: {_problem(outcome)}"


def _skipped(arms: Sequence[ArmResult]) -> Iterator[str]:
    for arm in arms:
        for status, reason, ids in skipped(arm):
            many = counted(len(ids), "vector")
            yield f"- {arm.name}: {many} {status}: {code(cut(reason, SHOWN))}"
