"""The proposal for cronix stands alone: what it cites, links and names is in its folder."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tools.proposal.__main__ import main
from tools.proposal.folder import TITLE

LINK = re.compile(r"\]\(([^)]+)\)")
ADDRESS = re.compile(r"https?://[^\s)\"'<>`]+")
HEADING = re.compile(r"^#+ (.+)$", re.M)
CLAUSE = re.compile(r"\b(P-[A-Z]+-\d+)\b")
VECTOR = re.compile(r"\[V: ([a-z0-9-]+)\]")
CLAIM = re.compile(r"\[(C-[A-Z0-9-]+)")
TABLE = re.compile(r"\[L: [^,\]]+, ([a-z, -]+): [a-z]")
DECIDED = re.compile(r"\[D: ([a-z-]+):")
PATH = re.compile(
    r"(?<![\w/.-])((?:bench|docs|entries|evidence|hosts|plugin|plugins|report|spec|tests|tools"
    r"|transportlab|transports)/[\w./-]*\w)"
)
INSIDE = re.compile(
    r"\b(?:tools|tests|bench|transportlab|transports)\.\w+|\b\w+\.py\b"
    r"|REPORT\.md|claims\.json|decision\.json|languages\.(?:json|md)|`make \w+|python -m"
)
"""What only somebody with the laboratory's checkout could follow."""

LOCAL = re.compile(r"/(?:tmp|work|home|root)/")

OF_CRONIX = {
    *("spec/OPEN_QUESTIONS.md", "spec/DECISIONS.md", "spec/RFC.md", "spec/conformance"),
    "spec/manifest.schema.json",
}
"""Files of cronix's own tree, which README.md says what to do with."""

IN_THE_TEXT = ("http://localhost",)

NO_CLAUSE = f"P-GRPC-{99}"
"""Not written as one word, as every clause that a file names must exist."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("proposal") / "cronix-proposal"
    assert main(["--out", str(out)]) == 0
    return out


def pages(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.md"))}


def strangers(folder: Path) -> Iterator[str]:
    """Each link, citation, path and name that cannot be followed within the folder."""
    known = everything_cited(folder)
    for name, text in pages(folder).items():
        for link in LINK.findall(text):
            if not leads(folder / name, link, folder):
                yield f"{name}: link {link}"
        flat = " ".join(text.split())
        for kind, form in (("V", VECTOR), ("C", CLAIM), ("P", CLAUSE), ("D", DECIDED)):
            yield from (
                f"{name}: {kind} {one}" for one in form.findall(flat) if one not in known[kind]
            )
        for plugins in TABLE.findall(flat):
            yield from (f"{name}: L {one}" for one in plugins.split(", ") if one not in known["L"])
        yield from (
            f"{name}: path {path}"
            for path in PATH.findall(ADDRESS.sub("", text))
            if not is_there(folder, path) and path not in OF_CRONIX
        )
    for path in sorted(folder.rglob("*.*")):
        text = path.read_text()
        where = path.relative_to(folder)
        yield from (f"{where}: {match[0]}" for match in INSIDE.finditer(text))
        if "conformance" not in where.parts:  # vectors have addresses and paths of their own
            yield from (f"{where}: {match[0]}" for match in LOCAL.finditer(text))
            yield from (
                f"{where}: address {address}"
                for address in ADDRESS.findall(text)
                if not address.startswith((*IN_THE_TEXT, "https://json-schema.org/"))
            )


def leads(page: Path, link: str, folder: Path) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_file() or not target.is_relative_to(folder.resolve()):
        return False
    return not anchor or anchor in map(anchor_of, HEADING.findall(target.read_text()))


def anchor_of(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def is_there(folder: Path, path: str) -> bool:
    """Whether a path is one of the folder, from its root or from spec, where the entries go."""
    return (folder / path).exists() or (folder / "spec" / path).exists()


def everything_cited(folder: Path) -> dict[str, set[str]]:
    spec = folder / "spec"
    files = [json.loads(path.read_text()) for path in spec.glob("plugin/conformance/**/*.json")]
    figures = (spec / "FIGURES.md").read_text()
    ranking = (folder / "entries" / "DECISIONS.md").read_text()
    first = re.findall(r"^\| ([a-z-]+)(?=:)", figures, re.M)
    return {
        "P": set(re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", (spec / "PROTOCOL.md").read_text())),
        "V": {vector["id"] for file in files for vector in file["vectors"]},
        "C": set(re.findall(r"^\| (C-[A-Z0-9-]+):", figures, re.M)),
        "L": set(first),
        "D": {*first, *re.findall(r"^\| [^|]+ \(([a-z-]+)\) \|", ranking, re.M)},
    }


def test_nothing_in_it_leads_outside(folder: Path) -> None:
    assert list(strangers(folder)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See [the report](../../REPORT.md).", "link ../../REPORT.md"),
        ("See [a heading](./FIGURES.md#nowhere).", "link ./FIGURES.md#nowhere"),
        (f"A host MUST [{NO_CLAUSE}].", f"P {NO_CLAUSE}"),
        ("A host MUST [V: no-such-vector].", "V no-such-vector"),
        ("It is faster [C-NOTHING].", "C C-NOTHING"),
        ("It is faster [L: first Read, cobol: grpc within].", "L cobol"),
        ("It is first [D: no-case: grpc first].", "D no-case"),
        ("evidence/languages.json has it.", "path evidence/languages.json"),
        ("Run `make derived`.", "`make derived"),
        ("See https://example.com/x.", "address https://example.com/x."),
    ],
)
def test_what_leads_outside_is_found(folder: Path, text: str, found: str) -> None:
    page = folder / "spec" / "TRUST.md"
    before = page.read_text()
    page.write_text(f"{before}\n{text}\n")
    try:
        assert f"spec/TRUST.md: {found}" in strangers(folder)
    finally:
        page.write_text(before)


def test_it_has_what_cronix_would_merge(folder: Path) -> None:
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} >= {
        "README.md",
        "entries/OPEN_QUESTIONS.md",
        "entries/DECISIONS.md",
        "spec/PROTOCOL.md",
        "spec/TRUST.md",
        "spec/FIGURES.md",
        "spec/plugin/backend.proto",
        "spec/plugin/backend.openrpc.json",
        "spec/plugin/conformance/host/trust.json",
        "spec/plugin/conformance/jsonrpc/lines.json",
        "spec/plugin/revisions/1.json",
        "docs/src/content/docs/backends/plugins.md",
    }


def test_readme_names_every_file_and_folder_that_is_to_be_merged(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    for path in (
        *folder.glob("entries/*"),
        *folder.glob("spec/*.md"),
        *folder.glob("docs/**/*.md"),
    ):
        assert f"({path.relative_to(folder)})" in text
    assert "spec/plugin/conformance" in text


def test_each_entry_is_one_of_cronixs_own_form(folder: Path) -> None:
    for name, start in (("OPEN_QUESTIONS.md", "## Q-002: "), ("DECISIONS.md", "## D-038: ")):
        text = (folder / "entries" / name).read_text()
        assert text.startswith(start)
        assert len(re.findall(r"^## ", text, re.M)) == 1
        assert "<!--" not in text


def test_the_proto_compiles_by_itself(folder: Path, tmp_path: Path) -> None:
    spec = folder / "spec" / "plugin"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{spec}", f"--python_out={tmp_path}"]
    subprocess.run([*command, str(spec / "backend.proto")], check=True)
    assert (tmp_path / "backend_pb2.py").is_file()


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("conformance.schema.json", "conformance/*.json"),
        ("conformance.host.schema.json", "conformance/host/*.json"),
    ],
)
def test_vectors_are_valid_by_the_schemas_beside_them(
    folder: Path, schema: str, files: str
) -> None:
    spec = folder / "spec" / "plugin"
    validator = jsonschema.Draft202012Validator(json.loads((spec / schema).read_text()))
    paths = sorted(spec.glob(files))
    assert paths
    for path in paths:
        document = json.loads(path.read_text())
        document["vectors"] = document["vectors"][::10]  # all of them take some seconds
        validator.validate(document)


def test_the_clauses_of_vectors_are_in_the_protocol(folder: Path) -> None:
    clauses = everything_cited(folder)["P"]
    for path in folder.glob("spec/plugin/conformance/**/*.json"):
        named = {c for v in json.loads(path.read_text())["vectors"] for c in v["clauses"]}
        assert named <= clauses, path


def test_the_numbers_are_those_that_were_given_at_triage(tmp_path: Path) -> None:
    out = tmp_path / "proposal"
    assert main(["--out", str(out), "--question", "Q-007", "--decision", "D-041"]) == 0
    for name, text in pages(out).items():
        assert not re.search(r"q-002|d-038", text, re.I), name
    assert list(strangers(out)) == []


@pytest.mark.parametrize("number", ["7", "Q-7", "D-002", "Q-0002"])
def test_a_number_of_another_form_is_refused(
    number: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path / "out"), "--question", number])
    assert ended.value.code == 2
    assert f"expected Q-NNN, got '{number}'" in capsys.readouterr().err


def test_only_an_earlier_proposal_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "notes.txt"
    mine.write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["--out", str(tmp_path)])
    assert ended.value.code == 2
    assert "expected a new folder, or one with an earlier proposal" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    (earlier / "README.md").write_text(f"{TITLE}\n")
    (earlier / "gone.md").write_text("no longer made")
    assert main(["--out", str(earlier)]) == 0
    assert not (earlier / "gone.md").exists()
