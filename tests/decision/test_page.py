"""docs/decision.html: it is whole, and in a browser it ranks as the command does."""

import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

from tests import pages
from tests.pages import needs_chromium
from transportlab.decision.criteria import load_decision
from transportlab.decision.ranking import Ranking, rank
from transportlab.decision.scoring import Cells, cells
from transportlab.decision.sources import Sources

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decision.html"
DECISION = load_decision()

Dom = Callable[..., str]


def test_the_page_needs_nothing_beside_it() -> None:
    text = PAGE.read_text()
    pages.check_whole(text)
    assert re.findall(r"https?://(?!www\.w3\.org)", text.partition('id="data"')[0]) == []


def test_each_control_has_a_label() -> None:
    text = PAGE.read_text()
    assert '<label for="scenario">' in text
    assert text.count('element("label", label, { for: id })') == 1, "each slider is made with one"


@pytest.fixture
def dom(tmp_path: Path) -> Dom:
    """dom(address=..., script=...) is the page's document in Chromium."""
    return partial(pages.dom, PAGE.read_text(), tmp_path)


def order(dom: str) -> list[tuple[str, str]]:
    """The options in the order that is shown, each with its total."""
    return re.findall(r'<li data-option="([^"]+)">.*?</span><span>([\d.]+)</span>', dom)


@cache
def found() -> Cells:
    return cells(DECISION, Sources(DECISION.hosts))


def ranking(scenario: str, **weights: float) -> Ranking:
    case = DECISION.scenario(scenario)
    return rank(DECISION, found(), case, DECISION.weights(case) | weights, draws=1)


def ranked(scenario: str, **weights: float) -> list[tuple[str, str]]:
    totals = ranking(scenario, **weights).totals
    return [(total.option, f"{total.middle:.2f}") for total in totals]


@needs_chromium
@pytest.mark.slow
def test_a_browser_ranks_each_scenario_as_the_command_does(dom: Dom) -> None:
    choose = """
        const all = [...byId("scenario").options].map(({ value }) => {
            byId("scenario").value = value;
            byId("scenario").dispatchEvent(new Event("change"));
            return `<section id="${value}">${byId("ranking").innerHTML}</section>`;
        });
        document.body.innerHTML = all.join("\\n");
    """
    sections = dict(re.findall(r'<section id="([^"]+)">(.*)</section>', dom(script=choose)))
    assert {scenario: order(shown) for scenario, shown in sections.items()} == {
        scenario.id: ranked(scenario.id) for scenario in DECISION.scenarios
    }


@needs_chromium
@pytest.mark.slow
def test_a_slider_changes_the_ranking_and_the_address(dom: Dom) -> None:
    move = """
        const slider = document.getElementById("weights-start");
        slider.value = 20;
        slider.dispatchEvent(new Event("input"));
        document.title = location.hash;
    """
    shown = dom(address="#scenario=record&hang=0&crash=0", script=move)
    assert order(shown) == ranked("record", hang=0, crash=0, start=20)
    [title] = re.findall("<title>(.*)</title>", shown)
    assert title == "#scenario=record&amp;start=20&amp;crash=0&amp;hang=0"


@needs_chromium
@pytest.mark.slow
def test_a_score_unfolds_to_its_figures_and_sources(dom: Dom) -> None:
    unfold = """
        const details = document.querySelector('[data-criterion="hang"] details');
        details.open = true;
        details.dispatchEvent(new Event("toggle"));
        document.title = details.innerText;
    """
    [table] = re.findall("<table>(.*?)</table>", dom(script=unfold))
    assert "evidence/faults.json: 120 runs" in table


@needs_chromium
@pytest.mark.slow
def test_the_page_says_what_would_change_the_winner(dom: Dom) -> None:
    [moves] = re.findall('<ul id="flips">(.*?)</ul>', dom())
    shares = [move.share for move in ranking("record").moves if move.share is not None]
    assert re.findall(r"wins if ([\d.]+%)", moves) == [f"{share:.1%}" for share in shares]


def test_the_data_of_the_page_is_json_without_a_tag() -> None:
    [data] = re.findall('id="data">(.*?)</script>', PAGE.read_text())
    assert {scenario["id"] for scenario in json.loads(data)["scenarios"]} == {
        scenario.id for scenario in DECISION.scenarios
    }
