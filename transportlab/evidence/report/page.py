"""Makes one page of HTML of both documents and their figures. It needs nothing beside it.

The documents are Markdown of our own making, which markdown-it reads. No HTML in them counts, as
names and facts come from evidence files; what the documents themselves mean is put back: a line
break in a cell, and what is folded away.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from pathlib import PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

from transportlab.evidence.report.plots import SCHEMES

HEAD = "@HEAD@"

LONG = 60
"""A cell with more characters may be broken into lines."""

ANCHORS = {"report/suites.md": "#suites", "../REPORT.md": "#report"}
"""Where links between the documents lead within the page. What else they link to is not there."""

_SECTION = "##"

_BREAK = "&lt;br&gt;"
_FOLD = re.compile(r"<p>&lt;details&gt;&lt;summary&gt;(.*?)&lt;/summary&gt;</p>")
_END = "<p>&lt;/details&gt;</p>"
_CELL = re.compile(r"<td( style=\"[^\"]*\")?>(?P<text>[^<]*)</td>")
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.S)
_ID = re.compile(r'(?<= id=")|(?<=href="#)|(?<=url\(#)')


def head() -> str:
    """What a page of the laboratory's begins with: its policy, its colours, its tables."""
    return files(__package__).joinpath("head.html").read_text(encoding="utf-8").rstrip("\n")


def page(report: str, suites: str, drawn: Mapping[str, bytes]) -> str:
    """The page. report, suites: in Markdown. drawn: the figures that they show, as SVG by name."""
    first, titles = _html(report, drawn)
    second, others = _html(suites, drawn, "suites")
    contents = [*titles, ("suites", "Suites"), *others]
    parts = {
        HEAD: head(),
        "@CONTENTS@": "\n".join(
            f'<li><a href="#{place}">{escape(title)}</a></li>' for place, title in contents
        ),
        "@REPORT@": first,
        "@SUITES@": second,
    }
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return re.sub("|".join(parts), lambda found: parts[found[0]], template)


def _html(
    text: str, drawn: Mapping[str, bytes], below: str = ""
) -> tuple[str, list[tuple[str, str]]]:
    """HTML of Markdown, and the titles of its sections by their ids.

    below: the id of what the document is a part of, whose headings are a level lower.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", lambda _, found, at, *__: _figure(found[at], drawn))
    markdown.add_render_rule("table_open", lambda _, found, at, *__: _box(found[at]))
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = markdown.parse(text)
    titles = _prepared(tokens, below)
    made = str(markdown.renderer.render(tokens, markdown.options, {}))
    made = made.replace(_BREAK, "<br>").replace(_END, "</details>")
    made = _FOLD.sub(r"<details><summary>\1</summary>", made)
    return _CELL.sub(_cell, made), titles


def _prepared(tokens: Sequence[Token], below: str) -> list[tuple[str, str]]:
    """Give headings their ids, tables their names, links their places. Returns the titles."""
    titles: list[tuple[str, str]] = []
    title = tag = ""
    for token, following in pairwise([*tokens, Token("end", "", 0)]):
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{len(token.markup) + bool(below)}"
        if token.type == "heading_open":
            title = following.content
            place = "-".join(filter(None, [below, *re.findall("[a-z0-9]+", title.lower())]))
            if token.markup == _SECTION:
                token.attrSet("id", place)
                titles.append((place, title))
        elif token.type == "table_open":
            token.meta["of"] = title
        for inner in token.children or ():
            if inner.type == "link_open":
                known = ANCHORS.get(str(inner.attrGet("href")))
                inner.attrs = {"href": known} if known else {}
                inner.tag = tag = "a" if known else "span"
            elif inner.type == "link_close":
                inner.tag = tag
    return titles


def _box(table: Token) -> str:
    """A table scrolls in a box of its own, which the keyboard reaches."""
    name = escape(f"Table: {table.meta['of']}")
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>\n'


def _figure(image: Token, drawn: Mapping[str, bytes]) -> str:
    """The figure itself in place of the image. Its ids are its own among those of all figures."""
    name = PurePosixPath(str(image.attrGet("src"))).stem
    if name not in drawn:
        return escape(image.content)
    svg = drawn[name].decode().replace(SCHEMES.decode(), "")  # the page has a colour
    svg = _METADATA.sub("", svg[svg.index("<svg ") :])
    svg = _ID.sub(f"{name}-", svg).replace("<svg ", '<svg role="img" ', 1)
    text = escape(image.content)
    return f'<span class="figure scroll" tabindex="0" role="group" aria-label="{text}">{svg}</span>'


def _cell(found: re.Match[str]) -> str:
    if len(found["text"]) <= LONG:
        return found[0]
    return f'<td class="long">{found["text"]}</td>'
