"""The badge: what it says, and that it is SVG that fits."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from transportlab.conformance.badge import COLOURS, FAILS, LABEL, NOTE, badge, draw
from transportlab.conformance.result import ArmResult, Outcome, Report, Status
from transportlab.conformance.vectors import LEVELS, Vector

Make = Callable[..., Vector]
Ended = Callable[..., Outcome]
READ = {"do": "call", "method": "Read", "request": {"app": "web"}}
SVG = "{http://www.w3.org/2000/svg}"


def parts(text: str) -> list[str]:
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    return [each.text or "" for each in root.iter(f"{SVG}text")]


def arm(name: str, ended: Ended, *vectors: tuple[Vector, Status]) -> ArmResult:
    return ArmResult(name, "json", True, [ended(vector, status) for vector, status in vectors])


def test_it_says_the_transports_the_lowest_level_and_the_revision(make: Make, ended: Ended) -> None:
    low, high = make(READ, level=2), make(READ, id="b", level=4)
    arms = (
        arm("grpc", ended, (low, Status.PASS), (high, Status.PASS)),
        arm("http", ended, (low, Status.UNSUPPORTED)),
        arm("jsonrpc", ended, (low, Status.PASS), (high, Status.UNSUPPORTED)),
    )
    text = badge(Report((), arms, ()), "cronix backend", "1")
    assert parts(text) == ["cronix backend: gRPC, JSON-RPC", "level 2 of 4", "revision 1"]
    assert COLOURS[2] in text


def test_it_hides_no_failure(make: Make, ended: Ended) -> None:
    low, high = make(READ, level=1), make(READ, id="b", level=3)
    bad = arm("grpc", ended, (low, Status.PASS), (high, Status.FAIL))
    text = badge(Report((), (bad,), ()), "cronix backend", "1")
    assert parts(text)[1] == "level 2 of 4, fails"
    assert FAILS in text
    bad.outcomes[1].known = "issue 7"
    assert parts(badge(Report((), (bad,), ()), "x", "1"))[1] == "level 2 of 4, 1 known failure"
    nothing = badge(Report((), (), ()), "cronix host", "next")
    assert parts(nothing) == ["cronix host: nothing passed", "no level, fails", "revision next"]


def test_boxes_stand_beside_each_other_and_hold_their_texts() -> None:
    root = ET.fromstring(draw([("cronix <host> & more", LABEL), ("level 4", COLOURS[4])]))
    boxes = root.findall(f"{SVG}g/{SVG}rect")
    texts = root.findall(f"{SVG}g/{SVG}text")
    left = 0
    for box, text in zip(boxes, texts, strict=True):
        assert int(box.get("x", "")) == left
        width = int(box.get("width", ""))
        assert left < int(text.get("x", ""))
        assert int(text.get("x", "")) + int(text.get("textLength", "")) < left + width
        left += width
    assert root.get("width") == str(left)
    assert root.get("aria-label") == "cronix <host> & more | level 4"


def test_white_text_can_be_read_on_each_colour() -> None:
    assert len(COLOURS) == len(LEVELS)
    for colour in (*COLOURS, FAILS, LABEL, NOTE):
        channels = [int(each, 16) / 255 for each in re.findall("..", colour[1:])]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
        assert 1.05 / (luminance + 0.05) >= 4.5, colour
