"""The figures."""

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from msgspec.structs import replace

from transportlab.evidence.analysis.compare import Measured
from transportlab.evidence.record import Evidence
from transportlab.evidence.report.config import View, load_settings
from transportlab.evidence.report.document import text
from transportlab.evidence.report.plots import decider, figures

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def view(synthesize: Callable[..., dict[str, Any]]) -> View:
    made = synthesize(blocks=5, true={"grpc-protobuf": 1.0, "jsonrpc-json": 0.5})
    return View(Measured(msgspec.convert(made, Evidence)), load_settings())


@pytest.fixture(scope="module")
def drawn(view: View) -> dict[str, bytes]:
    return figures(view)


def test_the_summary_has_a_panel_for_each_measure_that_was_made(view: View) -> None:
    figure = decider(view)
    assert figure is not None
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [measure.title for measure in view.settings.decider]


@pytest.mark.slow
def test_every_figure_is_well_formed(drawn: dict[str, bytes]) -> None:
    for svg in drawn.values():
        root = ET.fromstring(svg)
        assert root.findall(f".//{SVG}path")
        assert not root.findall(f".//{SVG}text")  # fonts as paths
        referred = set(re.findall(r'["(]#([^")]+)[")]', svg.decode()))
        assert referred <= {node.get("id") for node in root.iter()}
        assert not [name for name in referred if re.fullmatch("[mp][0-9a-f]{10}", name)]


@pytest.mark.slow
def test_every_figure_is_shown_and_nothing_shown_is_missing(
    view: View, drawn: dict[str, bytes]
) -> None:
    shown = text(replace(view, drawn=frozenset(drawn)), [])
    assert set(re.findall(r"\]\(report/([a-z-]+)\.svg\)", shown)) == set(drawn)
    assert set(drawn) == {
        *("decider", "cold-start", "spread", "floors"),
        *(curve.name for curve in view.settings.curves),
    }


def test_nothing_is_drawn_of_nothing(view: View) -> None:
    nothing = msgspec.structs.replace(view.evidence, blocks=[])
    assert figures(View(Measured(nothing), view.settings)) == {}
