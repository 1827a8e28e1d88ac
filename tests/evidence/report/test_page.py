"""The report as one page: it is whole, says what REPORT.md says, and sorts in a browser."""

import re
from pathlib import Path

import pytest

from tests import pages
from tests.pages import Read, needs_chromium
from transportlab.evidence.report.document import Documents
from transportlab.evidence.report.formatting import NONE
from transportlab.evidence.report.page import page

SVG = b"""<?xml version="1.0"?>
<svg fill="currentColor" xmlns="http://www.w3.org/2000/svg" width="648pt" viewBox="0 0 648 200">
<defs><path id="id0" d="M 0 0 L 9 9"/></defs><use href="#id0"/><g clip-path="url(#id0)"/></svg>"""


@pytest.fixture(scope="module")
def text(made: Documents) -> str:
    return page(made.report, made.suites, {})


def test_the_page_needs_nothing_beside_it(text: str) -> None:
    pages.check_whole(text)
    read = Read(text)
    assert len(read.ids) == len(set(read.ids))
    assert {link for link in read.links if not link.startswith("#")} == set()
    assert {link.removeprefix("#") for link in read.links} <= set(read.ids)


def plain(cell: str) -> str:
    """A cell of Markdown as it is read."""
    return re.sub(r"\*\*?|`", "", cell).replace("\\|", "|").replace("<br>", "\n").strip()


def test_the_page_has_the_numbers_of_both_documents(text: str, made: Documents) -> None:
    tables = [
        [
            [plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in block.splitlines()
        ]
        for document in (made.report, made.suites)
        for block in re.findall(r"(?:^\|.*\n)+", document, re.M)
    ]
    assert len(tables) > 10
    shown = [[[cell.strip() for cell in row] for row in table] for table in Read(text).tables]
    assert shown == [[head, *rows] for head, _, *rows in tables]


def test_what_is_folded_away_is_so_in_the_page(text: str, made: Documents) -> None:
    assert text.count("<details>") == made.suites.count("<details>") + 1  # the contents
    assert text.count("<details>") == text.count("</details>")
    assert "&lt;details" not in text
    assert "&lt;br" not in text


def test_names_of_evidence_are_text(made: Documents) -> None:
    bad = '<script>alert(1)</script><img src="http://x/">'
    shown = page(made.report.replace("A CPU", bad), made.suites, {})
    assert bad not in shown
    assert "&lt;script&gt;alert(1)" in shown
    pages.check_whole(shown)


def test_each_figure_is_inline_and_its_ids_are_its_own() -> None:
    shown = page("![One](report/a.svg)\n\n![Two](report/b.svg)\n", "", {"a": SVG, "b": SVG})
    read = Read(shown)
    assert [name for name in read.ids if name.endswith("id0")] == ["a-id0", "b-id0"]
    assert 'href="#a-id0"' in shown
    assert "url(#b-id0)" in shown
    assert "<?xml" not in shown
    assert shown.count('<svg role="img"') == 2


SORT = """
    const table = [...document.querySelectorAll("table")].find(
        each => each.tHead.rows[0].cells[0].textContent === "bytes");
    const button = table.tHead.rows[0].cells[1].querySelector("button");
    const shown = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent).join();
    const seen = [shown()];
    for (const _ of [1, 2, 3]) { button.focus(); button.click(); seen.push(shown()); }
    button.click();
    document.title = [...seen, document.activeElement === button,
        button.parentElement.getAttribute("aria-sort"),
        document.documentElement.scrollWidth <= innerWidth].join(" / ");
"""
WIDE = (
    f"| bytes | time |\n| --- | ---: |\n| a | 1.5 ms |\n| b | 412 µs [400, 500] |\n| c | {NONE} |\n"
)
WIDE += f"| d | 1,200 ns {'wide ' * 80}|\n"


@needs_chromium
@pytest.mark.slow
def test_a_browser_sorts_by_units_and_a_telephone_scrolls_no_page(
    tmp_path: Path, made: Documents
) -> None:
    shown = page(f"# Report\n\n{WIDE}\n\n![A](a.svg)\n\n{made.report}", made.suites, {"a": SVG})
    dom = pages.dom(shown, tmp_path, script=SORT, width=390)
    [title] = re.findall("<title>(.*)</title>", dom.partition("</head>")[0])
    assert title == "a,b,c,d / d,b,a,c / a,b,d,c / a,b,c,d / true / ascending / true"
