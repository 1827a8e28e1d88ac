"""docs/error-codes.md explains every code of the source, and no other."""

import re
from pathlib import Path

import pytest

from transportlab.errors import PluginError
from transportlab.handshake import HandshakeError, parse
from transportlab.host.versions import protocol_mismatch

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "error-codes.md").read_text()
LITERAL = re.compile(r'"(E-[A-Z][A-Z-]*[A-Z])"')


def table() -> list[list[str]]:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| E-")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_each_code_of_the_source_is_explained_once_and_no_other_is() -> None:
    source = "".join(path.read_text() for path in ROOT.glob("transport*/**/*.py"))
    used = set(LITERAL.findall(source))
    explained = [row[0] for row in table()]
    assert len(used) > 20
    assert sorted(explained) == sorted(used)


def test_each_row_says_what_happened_why_and_what_to_do() -> None:
    for row in table():
        assert len(row) == 4
        assert all(row)


def test_each_code_that_a_document_names_exists() -> None:
    explained = {row[0] for row in table()}
    named = re.compile(r"\bE-[A-Z][A-Z-]*[A-Z]\b(?!-)")
    pages = [
        path for folder in ("docs", "evidence", "spec") for path in ROOT.glob(f"{folder}/*.md")
    ]
    for path in [ROOT / "README.md", *pages]:
        assert set(named.findall(path.read_text())) <= explained, path


def test_the_errors_that_the_hosts_page_shows_are_worded_so() -> None:
    page = " ".join((ROOT / "docs" / "how-the-host-works.md").read_text().split())
    name, path = "k8s", "/opt/x/cronix-backend-k8s"
    with pytest.raises(HandshakeError) as noise:
        parse(b"Loading plugins...")
    found = noise.value
    shown = PluginError(found.code, str(found), name, path, action=found.action)
    mismatch = protocol_mismatch(name, path, "1.4.0", {1}, {2, 3})
    for error in (shown, mismatch):
        assert " ".join(str(error).split()) in page
