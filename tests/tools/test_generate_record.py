"""The figures of the record are those of the runs, and only they are written by the command."""

import re
from functools import cache

import pytest

from tools.generate.decision import scored
from tools.generate.record import (
    BEGIN,
    BEYOND,
    BUDGETS_MS,
    END,
    OPEN,
    elsewhere,
    figures,
    measured,
    renewed,
)

TITLE = re.compile(r"\*\*[^*]+\*\*, (?:ms|MiB); .* may pay (?P<limit>[\d.]+?)\. ")
CELL = re.compile(r"-?[\d.,]+ \[(?P<low>-?[\d.,]+), (?P<high>-?[\d.,]+)\](?P<mark>.*)")


def test_only_what_is_between_the_marks_is_written_anew() -> None:
    text = f"before\n\n{BEGIN}\n\nold\n\n{END}\n\nafter\n"
    made = renewed(text, ["new", ""])
    assert made == f"before\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"
    assert renewed(made, ["new", ""]) == made


@pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n"])
def test_a_file_without_the_marks_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"spec/DECISIONS\.md: expected a line <!-- figures"):
        renewed(text, [])


@cache
def shown() -> str:
    """The figures, made once for all tests of a process."""
    return "\n".join(figures())


def tables() -> list[tuple[float, list[list[str]]]]:
    """The limit of the budget and the rows of each table of costs."""
    found: list[tuple[float, list[list[str]]]] = []
    blocks = iter(shown().split("\n\n"))
    for block in blocks:
        if title := TITLE.match(" ".join(block.split())):
            rows = [
                [cell.strip() for cell in row.strip("|").split("|")]
                for row in next(blocks).splitlines()
            ]
            found.append((float(title["limit"]), rows[2:]))
    return found


def test_each_cost_is_marked_by_the_budget() -> None:
    seen = 0
    for limit, rows in tables():
        for cell in (cell for row in rows for cell in row[2:]):
            if match := CELL.fullmatch(cell):
                seen += 1
                low, high = (float(match[end].replace(",", "")) for end in ("low", "high"))
                # An end that is rounded to the limit itself may lie on either side.
                if match["mark"] == BEYOND:
                    assert low >= limit
                elif match["mark"] == OPEN:
                    assert low <= limit <= high
                else:
                    assert high <= limit
    assert seen >= 4


def test_each_plugin_under_the_records_host_has_a_row() -> None:
    view, (decision, _) = measured(), scored()
    text = shown()
    plugins = [pair.plugin for pair in view.pairs if pair.host == decision.hosts[0]]
    assert len(plugins) > 3
    for plugin in plugins:
        once = len(view.settings.costs) + len(elsewhere())
        arms = [a for a in view.candidates if (a.host, a.plugin) == (decision.hosts[0], plugin)]
        compared = len([arm for arm in arms if arm.usual]) > 1
        rows = text.count(f"\n| {view.titles_of('plugins')[plugin]} |")
        assert rows == (2 * once if compared else once)  # its transports over another, too


def test_other_budgets_are_told_by_the_same_intervals() -> None:
    text = shown()
    rows = re.findall(r"^\| (\d+) ms \| (.+) \|$", text, re.M)
    assert [int(budget) for budget, _ in rows] == list(BUDGETS_MS) * (1 + len(elsewhere()))
    names = [re.split(r" \| |; ", cells) for _, cells in rows]
    beyond = [len([n for n in row if n != "all within" and not n.endswith(OPEN)]) for row in names]
    for first in range(0, len(rows), len(BUDGETS_MS)):
        on_machine = beyond[first : first + len(BUDGETS_MS)]
        assert on_machine == sorted(on_machine, reverse=True)
        assert on_machine[0] > on_machine[-1]


def test_the_figures_are_the_same_each_time() -> None:
    assert "\n".join(figures()) == shown()
