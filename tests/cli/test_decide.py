"""transportlab decide: the ranking, as text, as JSON and as a page."""

from pathlib import Path
from typing import Any

import pytest

from tests.command import Run, in_process
from transportlab.data import ROOT
from transportlab.decision.criteria import load_decision


@pytest.fixture(scope="module")
def ranked() -> Any:
    """What --json prints, by the record's weights."""
    return in_process(["decide", "--json"], {}).json


def test_it_shows_a_ranking_and_how_firm_it_is(run: Run) -> None:
    done = run("decide")
    assert (done.code, done.err) == (0, "")
    for head in ("OPTION", "CRITERION", "What decides", "What would change", "SCENARIO"):
        assert head in done.out
    assert "not measured" not in done.out, "a table says how much is known"


def test_json_has_the_ranking_each_cell_and_each_scenario(ranked: Any) -> None:
    order = [total["option"] for total in ranked["ranking"]["totals"]]
    assert order == ranked["orders"]["record"]
    cell = ranked["cells"]["ffi"]["hang"]["go"]
    assert (cell["high"], cell["figure"]["value"]) == (0, 0)
    assert cell["figure"]["source"].startswith("evidence/faults.json: ")
    assert ranked["orders"].keys() >= {"go-only", "scripts", "long-lived", "one-job", "nothing"}


def test_a_scenario_has_its_own_options_and_weights(run: Run) -> None:
    found = run("decide", "--scenario", "nothing", "--json").json["ranking"]
    assert "in-tree" in {total["option"] for total in found["totals"]}
    decision = load_decision()
    assert decision.weights(decision.scenario("one-job"))["payload"] == 0


def test_weights_of_ones_own_change_the_winner(run: Run, tmp_path: Path, ranked: Any) -> None:
    own = tmp_path / "weights.json"
    own.write_text('{"hang": 0, "crash": 0, "host-lines": 1000}')  # which are counted, not measured
    found = run("decide", "--weights", str(own), "--json").json
    assert found["ranking"]["weights"]["host-lines"] == 1000
    assert found["ranking"]["weights"]["memory"] == 3
    assert found["orders"]["record"][0] == "grpc"
    assert found["orders"]["record"] != ranked["orders"]["record"]


def test_the_page_is_the_derived_one(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "decision.html"
    done = run("decide", "--html", str(page))
    assert (done.code, done.out) == (0, f"page: {page}\n")
    if ROOT.joinpath("docs").is_dir():
        assert page.read_bytes() == ROOT.joinpath("docs/decision.html").read_bytes(), (
            "run: python -m tools.generate"
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"sart": 1}', 'unknown criterion "sart"; is it start?'),
        ('{"start": -1}', "start: expected a number from 0 to 1000, got -1"),
        ("", "expected a JSON object, got an empty file"),
    ],
)
def test_a_wrong_file_of_weights_is_an_error(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    own = tmp_path / "weights.json"
    own.write_text(text)
    done = run("decide", "--weights", str(own))
    assert (done.code, done.out, done.err) == (1, "", f"error: {own}: {said}\n")


def test_what_cannot_be_is_a_wrong_option(run: Run, tmp_path: Path) -> None:
    done = run("decide", "--scenario", "gone")
    assert done.code == 2
    assert done.err.startswith('error: unknown scenario "gone"; there are record, ')
    done = run("decide", "--scenario", "record", "--html", str(tmp_path / "page.html"))
    assert (done.code, "--html goes without" in done.err) == (2, True)
    done = run("decide", "--html", str(tmp_path / "no" / "page.html"))
    assert done.code == 2
    assert "there is no directory" in done.err
