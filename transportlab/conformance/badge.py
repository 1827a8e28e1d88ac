"""A badge as SVG: what was tested, the level that it reaches, the revision that it is held to.

It brings its own backgrounds, so that it is read on a light page and on a dark one. It asks for no
font that has to be there: textLength makes each text as wide as its box, whatever the font is.
"""

from xml.sax.saxutils import escape, quoteattr  # it writes here, and parses nothing

from transportlab.conformance.report import counted
from transportlab.conformance.result import ArmResult, Report, Status, ladder
from transportlab.registry import load_transport

HEIGHT, PADDING, SIZE = 20, 7, 11
"""In pixels: of the badge, beside each text, and of the letters."""

WIDE, USUAL, NARROW = 9.0, 6.5, 3.8
"""How wide letters of that size are, in pixels, in the sans-serif fonts that pages use."""

LABEL, NOTE = "#3d444d", "#57606a"
FAILS = "#b3261e"
COLOURS = ("#b3261e", "#9a4a00", "#8a5a00", "#4d6b1f", "#22702c")
"""Of the levels. White text has a contrast of at least 4.5 on each (WCAG 2.2, 1.4.3)."""


def badge(report: Report, what: str, revision: str) -> str:
    """The whole file. what: "cronix backend" or "cronix host". The run must have been whole."""
    arms = [arm for arm in report.arms if arm.totals()[Status.PASS]]
    names = ", ".join(dict.fromkeys(map(_title, arms))) or "nothing passed"
    level = min((ladder(arm)[0] for arm in arms), default=-1)
    known = len({outcome.vector.id for arm in arms for outcome in arm.known()})
    highest = len(COLOURS) - 1
    words = f"level {level} of {highest}" if level >= 0 else "no level"
    if not report.ok:
        words += ", fails"
    elif known:
        words += f", {counted(known, 'known failure')}"
    colour = COLOURS[level] if level >= 0 and report.ok else FAILS
    return draw([(f"{what}: {names}", LABEL), (words, colour), (f"revision {revision}", NOTE)])


def _title(arm: ArmResult) -> str:
    transport = load_transport(arm.transport)
    return transport.title or transport.name


def draw(parts: list[tuple[str, str]]) -> str:
    """Boxes beside each other: texts with their colours."""
    boxes, texts, left = [], [], 0
    for text, colour in parts:
        length = round(sum(map(_width, text)))
        width = length + 2 * PADDING
        boxes.append(f'    <rect x="{left}" width="{width}" height="{HEIGHT}" fill="{colour}"/>')
        texts.append(
            f'    <text x="{left + PADDING}" y="14" textLength="{length}">{escape(text)}</text>'
        )
        left += width
    title = " | ".join(text for text, _ in parts)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left}" height="{HEIGHT}" role="img"'
            f" aria-label={quoteattr(title)}>",
            f"  <title>{escape(title)}</title>",
            f'  <clipPath id="r"><rect width="{left}" height="{HEIGHT}" rx="3"/></clipPath>',
            '  <g clip-path="url(#r)">',
            *boxes,
            "  </g>",
            f'  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{SIZE}">',
            *texts,
            "  </g>",
            "</svg>",
            "",
        ]
    )


def _width(letter: str) -> float:
    if letter in "mwMWQ@%":
        return WIDE
    return NARROW if letter in "ijlftr.,:;|!'() I-" else USUAL
