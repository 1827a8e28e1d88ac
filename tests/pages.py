"""Pages of HTML: what they need beside them, what their tables say, what Chromium makes of them."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="not run: no chromium")


class Read(HTMLParser):
    """A page: the places that it loads, its links, its ids, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tables: list[list[list[str]]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if tag in {"script", "link", "img", "iframe"} and name in {"src", "href"}:
                self.loads.append(value or "")
            elif tag == "a" and name == "href":
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._in_cell = True
        elif tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


def check_whole(text: str) -> None:
    """The page loads nothing, and its policy would not let it."""
    assert "default-src 'none'" in text
    assert Read(text).loads == []
    assert re.findall(r"@import|url\((?!#)", text) == []


def dom(text: str, folder: Path, *, address: str = "", script: str = "", width: int = 800) -> str:
    """What Chromium makes of a page in a window so wide, after a script if one is given."""
    page = folder / "page.html"
    page.write_text(text.replace("</body>", f"<script>{{{script}}}</script></body>"))
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-sync", f"--window-size={width},900",
        f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"file://{page}{address}",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    return done.stdout
