"""The figures."""

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.analysis.runs import sort
from transportlab.evidence.record import Evidence
from transportlab.evidence.report.config import View
from transportlab.evidence.report.document import documents, load_rules
from transportlab.evidence.report.plots import INK, figures, ratios

SVG = "{http://www.w3.org/2000/svg}"


RULES = load_rules()


@pytest.fixture(scope="module")
def run(synthesize: Callable[..., dict[str, Any]]) -> Evidence:
    true = {"grpc-protobuf": 1.0, "jsonrpc-json": 0.5, "ffi-protobuf": 0.2}
    return msgspec.convert(synthesize(blocks=5, true=true), Evidence)


@pytest.fixture(scope="module")
def view(run: Evidence) -> View:
    return View(Measured([run]), RULES.settings, RULES.budget)


@pytest.fixture(scope="module")
def drawn(view: View) -> dict[str, bytes]:
    return figures(view)


def test_the_summary_has_a_panel_for_each_measure_and_a_line_for_each_arm(view: View) -> None:
    figure = ratios(view)
    assert figure is not None
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [measure.title for measure in view.settings.ratios]
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    # From below: without a process, with one.
    assert shown == ["python host, sdk: ffi", "python host, sdk: jsonrpc"]


def test_an_axis_of_ratios_has_the_most_room_around_one(view: View) -> None:
    figure = ratios(view)
    assert figure is not None
    panel = figure.axes[0]
    low, high = panel.get_xlim()
    ends = panel.transData.transform([(x, 0) for x in (low, 0.8, 1.2, high)])[:, 0]
    assert (ends[2] - ends[1]) / (ends[3] - ends[0]) > 0.4
    assert {0.8, 0.9, 1.0, 1.1, 1.2} <= set(panel.get_xticks())


@pytest.mark.slow
def test_every_figure_is_well_formed(drawn: dict[str, bytes]) -> None:
    for svg in drawn.values():
        root = ET.fromstring(svg)
        assert root.findall(f".//{SVG}path")
        assert [root[0].tag, root[1].tag] == [f"{SVG}title", f"{SVG}desc"]
        assert root[0].text
        assert root[1].text
        assert b"currentColor" in svg
        assert INK.encode() not in svg
        assert b"#ffffff" not in svg  # no ground of its own
        assert not root.findall(f".//{SVG}text")  # fonts as paths
        referred = set(re.findall(r'["(]#([^")]+)[")]', svg.decode()))
        assert referred <= {node.get("id") for node in root.iter()}
        assert not [name for name in referred if re.fullmatch("[mp][0-9a-f]{10}", name)]


@pytest.mark.slow
def test_every_figure_is_shown_and_nothing_shown_is_missing(
    run: Evidence, view: View, drawn: dict[str, bytes]
) -> None:
    made = documents(sort([run]), RULES, drawn)
    assert set(re.findall(r"\]\(report/([a-z-]+)\.svg\)", made.report)) == {"ratios"}
    assert set(re.findall(r"\]\(([a-z-]+)\.svg\)", made.suites)) == set(drawn) - {"ratios"}
    assert set(drawn) == {
        *("ratios", "cold-start", "spread", "floors"),
        *(curve.name for curve in view.settings.curves),
    }


def test_nothing_is_drawn_of_nothing(run: Evidence, view: View) -> None:
    nothing = msgspec.structs.replace(run, blocks=[])
    assert figures(View(Measured([nothing]), view.settings, view.budget)) == {}
