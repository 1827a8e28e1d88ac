"""The record (spec/OPEN_QUESTIONS.md, spec/DECISIONS.md) has its form, and cites what there is.

What a sentence says of speed rests on a claim, what it says of behaviour on a clause or a vector;
`[open]` marks what nothing holds. A claim that does not hold on the committed evidence is cited
with its verdict. What it says of plugins by language rests on the runs, or on the table of
languages; what it says of the ranking is what `transportlab decide` finds. Measured figures stand
between two marks only, where `python -m tools.generate` writes them.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import quantiles

import pytest

from tools.generate.decision import scored
from tools.generate.record import BEGIN, END, measured
from transportlab.conformance.host.vectors import load_host_vectors
from transportlab.conformance.vectors import load_vectors
from transportlab.data import ROOT, RUNS
from transportlab.decision.ranking import Total, rank
from transportlab.errors import MAX_MESSAGE_BYTES
from transportlab.evidence.analysis.budget import load_budget
from transportlab.evidence.analysis.claims import Verdict, judge, load_claims
from transportlab.evidence.analysis.compare import Comparison, Measured
from transportlab.evidence.analysis.runs import read
from transportlab.evidence.record import Arm
from transportlab.evidence.report.config import Cost
from transportlab.evidence.run.machine import source_digest
from transportlab.registry import load_transport, transport_names

SPEC = Path(__file__).resolve().parents[1] / "spec"
LANGUAGES = SPEC.parent / "evidence" / "languages.json"
MEMBERS = {"first Read": "ready", "warm Read": "call", "memory": "unique"}
DOCUMENTS = ("OPEN_QUESTIONS.md", "DECISIONS.md")
TEXTS = {name: (SPEC / name).read_text() for name in DOCUMENTS}
QUESTIONS, DECISIONS = TEXTS.values()
README = (ROOT / "README.md").read_text()
REPORT = (ROOT / "REPORT.md").read_text()

FIELDS = {
    "Q": ("Raised", "Phase", "Context", "Options", "Currently leaning"),
    "D": ("Date", "Status", "Resolves", "Decision", "Rationale", "Alternatives considered"),
}
TOPICS = (
    "What cronix's own papers say",
    "The .proto",
    "Handshake",
    "Discovery",
    "Version negotiation",
    "Is the protocol number tied to cronix's version?",
    "Conformance",
    "Is Adopt part of the bar?",
    "Who may name a plugin",
    "Trust",
    "Errors and panics",
    "Where plugins are found",
    "gRPC against HTTP, stdio JSON-RPC and FFI",
    "Objections to gRPC",
    "Objections to stdio JSON-RPC",
    "Config and credentials",
    "A crash in the middle of an apply",
    "What would change the answer",
    "What is not known",
)
ANSWERS = ("What it costs", "The best counter-argument", "What would change it")
WIDTH = 74

CLAIM = re.compile(
    r"\[(C-[A-Z0-9-]+)(?:: (inconclusive|contradicted|practically equal|not measured))?\]"
)
CLAUSE = re.compile(r"\[(P-[A-Z]+-\d+)\]")
VECTOR = re.compile(r"\[V: ([a-z0-9-]+)\]")
TABLE = re.compile(
    r"\[L: (?P<of>first Read|warm Read|memory|lines), (?P<plugins>[a-z, -]+?):"
    r" (?P<one>[a-z]+) (?P<how>over|beyond|within)(?: (?P<other>[a-z]+))?\]"
)
FIGURES = re.compile(
    r"\[F: (?P<of>[a-zR ]+), (?P<pairs>[a-z/ ]+):"
    r" (?P<one>[a-z]+) (?P<how>over|beyond|within)(?: (?P<other>[a-z]+))?\]"
)
DECIDED = re.compile(
    r"\[D: (?P<of>[a-z-]+): (?P<one>[a-z-]+) (?:(?P<first>first)|over (?P<other>[a-z-]+))\]"
)
OPEN = "[open]"
CITATION = re.compile(r"\[(?:[CPV](?=[-:])|[LFD](?=:)|open)[^\]]*\]")
MEASURED_FORMS = (CLAIM, TABLE, FIGURES, DECIDED)

ENTRY = re.compile(r"^## ([QD])-(\d{3}): (.+)$", re.M)
FIELD = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?):(?: |$)", re.M)
SENTENCE_END = re.compile(r"(?<=[.?])\s+(?=[A-Z`$])")
ITEM = re.compile(r"^\s*(?:-|\d+\.) ", re.M)
VERB = re.compile(r"\b(?:MUST|SHOULD|MAY)\b")
COMPARISON = re.compile(
    r"\b(?:faster|fastest|slower|slowest|sooner|cheaper|lighter|less (?:memory|time)"
    r"|latency|cold starts?|floors?|first Read|(?:beyond|within) (?:it|the budget)|costs? little"
    r"|less on|later than)\b"
)
FIGURE = re.compile(r"\d\s?(?:%|[nuµm]s\b|[KMG]i?B\b|x\b|times\b|calls\b)")
LIMIT = f"{MAX_MESSAGE_BYTES >> 20} MiB"
"""A bound of the protocol, which is no figure that was measured."""


def by_hand(text: str) -> str:
    """A document without the figures that are written into it."""
    head, _, rest = text.partition(BEGIN)
    return head + rest.partition(END)[2]


def sentences(text: str) -> list[str]:
    """What stands below the head of a document, by paragraph, item and sentence."""
    body = by_hand(text).partition("\n---\n")[2]
    blocks = [part for block in body.split("\n\n") for part in split_items(block)]
    return [s for block in blocks for s in SENTENCE_END.split(" ".join(block.split())) if s]


def split_items(block: str) -> list[str]:
    ends = [0, *(match.start() for match in ITEM.finditer(block)), len(block)]
    return [block[a:b] for a, b in pairwise(ends)]


def misquoted(
    citations: Iterable[tuple[str, str]], verdicts: Mapping[str, Verdict]
) -> list[tuple[str, str, str]]:
    """Claims whose verdict is not the one they are cited with (empty: holds), with both."""
    return [
        (claim, said or "holds", verdicts[claim])
        for claim, said in citations
        if claim in verdicts and verdicts[claim] != (said or "holds")
    ]


def committed() -> dict[str, Verdict]:
    """The verdict of each claim on the committed evidence; none before there is any."""
    files = sorted(RUNS.glob("*.json.gz"))
    if not files:
        return {}
    measured = Measured(read(files, source_digest()).groups[0])
    return {one.claim.id: one.verdict for one in judge(load_claims(), measured, load_budget())}


def slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_entry_has_the_fields_of_its_kind_in_order(name: str) -> None:
    [_, *parts] = ENTRY.split(TEXTS[name])
    entries = list(zip(parts[0::4], parts[3::4], strict=True))
    assert entries
    for kind, text in entries:
        found = tuple(n for n in FIELD.findall(text) if n in FIELDS[kind])
        assert found == FIELDS[kind]
        day = re.search(r"^(?:Raised|Date): (.+)$", text, re.M)
        assert day
        date.fromisoformat(day[1])


def test_the_question_and_its_proposed_decision_lead_to_each_other() -> None:
    anchors = {f"./{n}#{slug(' '.join(h[1:]))}" for n in DOCUMENTS for h in headings(n)}
    links = set(re.findall(r"\]\((\./[^)]+)\)", QUESTIONS + DECISIONS))
    assert links == anchors
    assert "\nStatus: Proposed\n" in DECISIONS
    assert [h[1] for n in DOCUMENTS for h in headings(n)] == ["Q-002:", "D-038:"]


def headings(name: str) -> list[tuple[str, str, str]]:
    return [("##", f"{m[1]}-{m[2]}:", m[3]) for m in ENTRY.finditer(TEXTS[name])]


def test_the_question_holds_every_topic() -> None:
    assert tuple(re.findall(r"^### (.+)$", QUESTIONS, re.M)) == TOPICS


def test_each_alternative_says_why_it_is_not_taken() -> None:
    items = split_items(DECISIONS.partition("\nAlternatives considered:\n")[2])[1:]
    assert len(items) > 5
    assert [item for item in items if not re.search(r"\b(?:Rejected|Deferred): ", item)] == []


def test_each_alternative_begins_with_what_speaks_for_it() -> None:
    items = split_items(DECISIONS.partition("\nAlternatives considered:\n")[2])[1:]
    form = re.compile(r"- .+?\. For: .+\. (?:Rejected|Deferred): .+")
    assert [item for item in items if not form.match(" ".join(item.split()))] == []


def test_the_decision_answers_what_a_reader_asks() -> None:
    assert tuple(re.findall(r"^### (.+)$", DECISIONS, re.M)) == ANSWERS


def test_each_condition_that_would_change_it_has_a_figure_or_says_that_it_has_none() -> None:
    text = DECISIONS.partition("\n### What would change it\n")[2].partition("\nBefore it")[0]
    blocks = [part for block in text.split("\n\n") for part in split_items(block)]
    conditions = [" ".join(block.split()) for block in blocks if block.strip()][1:]
    told = [c for c in conditions if not c.endswith("first transport:")]
    assert len(told) > 5
    held = (*MEASURED_FORMS, re.compile(re.escape(OPEN)))
    assert [c for c in told if not any(form.search(c) for form in held)] == []


def test_readme_and_report_agree_with_the_decision() -> None:
    """The README's answer names what the decision does; the report is of the same code."""
    title = next(h[2] for h in headings("DECISIONS.md"))
    first, _, second = title.removeprefix("Out-of-tree backends speak ").partition(", and may add ")
    answer = README.partition("\n## The answer so far\n")[2].partition("\n## ")[0]
    [proposal] = re.findall(r"\*\*The proposal is ([^*]+)\*\*", answer)
    assert " ".join(proposal.split()) == f"{first}, with {second} as an option."
    [code] = re.findall(r"\bcode ([0-9a-f]{12})\b", " ".join(DECISIONS.split()))
    assert f"Code {code}" in REPORT


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_are_short_but_for_links(name: str) -> None:
    lines = [line for line in by_hand(TEXTS[name]).splitlines() if "](./" not in line]
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_everything_that_is_cited_exists(name: str) -> None:
    text = TEXTS[name].partition("\n---\n")[2]
    known = {claim.id for claim in load_claims()}
    clauses = set(re.findall(r"\*\*(P-[A-Z]+-\d+)\*\*", (SPEC / "PROTOCOL.md").read_text()))
    vectors = {vector.id for vector in (*load_vectors(), *load_host_vectors())}
    assert {claim for claim, _ in CLAIM.findall(text)} <= known
    assert set(CLAUSE.findall(text)) <= clauses
    assert set(VECTOR.findall(text)) <= vectors


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_citation_is_of_a_form_that_is_looked_up(name: str) -> None:
    found = CITATION.findall(" ".join(TEXTS[name].partition("\n---\n")[2].split()))
    assert len(found) > 20
    forms = (*MEASURED_FORMS, CLAUSE, VECTOR)
    assert [c for c in found if c != OPEN and not any(f.fullmatch(c) for f in forms)] == []


def test_each_claim_is_cited_with_its_verdict_on_the_committed_evidence() -> None:
    assert misquoted(CLAIM.findall(QUESTIONS + DECISIONS), committed()) == []


def test_a_claim_cited_with_another_verdict_than_its_own_is_found() -> None:
    cited = CLAIM.findall("A [C-A]. B [C-B: inconclusive]. C [C-C]. D [C-D: not measured].")
    verdicts = {
        "C-A": Verdict.CONTRADICTED,
        "C-B": Verdict.HOLDS,
        "C-C": Verdict.HOLDS,
        "C-D": Verdict.NOT_MEASURED,
    }
    assert misquoted(cited, verdicts) == [
        ("C-A", "holds", "contradicted"),
        ("C-B", "inconclusive", "holds"),
    ]


def quartiles(plugin: str, transport: str, of: str) -> dict[str, list[float]]:
    """A figure's quartiles in the table of languages, by host; what is counted has one for all."""
    rows = {row["id"]: row for row in json.loads(LANGUAGES.read_text())["rows"]}
    if of == "lines":
        return {"": [rows[f"{plugin}/{transport}"]["lines"]["transport"]] * 3}
    return {
        host: quantiles([life[MEMBERS[of]] for life in found["lives"]], n=4)
        for host, found in rows[f"{plugin}/{transport}"]["hosts"].items()
        if found["lives"]
    }


def bears_out(cited: re.Match[str]) -> bool:
    """Whether the table says so of each of the plugins, under each host that measured it.

    over: the quartiles lie apart. beyond, within: the budget of a command, which the table's start
    to a first Read is less than.
    """
    budget = json.loads((SPEC / "budget.json").read_text())["short-command"]["ms"] / 1000
    for plugin in cited["plugins"].replace(",", " ").split():
        one = quartiles(plugin, cited["one"], cited["of"])
        if cited["how"] == "over":
            other = quartiles(plugin, cited["other"], cited["of"])
            hosts = one.keys() & other.keys()
            good = [one[host][0] > other[host][2] for host in hosts]
        elif cited["how"] == "beyond":
            good = [low > budget for low, _, _ in one.values()]
        else:
            good = [high < budget for _, _, high in one.values()]
        if not good or not all(good):
            return False
    return True


def test_what_is_said_of_languages_stands_in_their_table() -> None:
    cited = list(TABLE.finditer(" ".join((QUESTIONS + DECISIONS).split())))
    assert len(cited) > 3
    assert [match[0] for match in cited if not bears_out(match)] == []


@cache
def cost(of: str) -> Cost:
    """The cost of the report, and of the record's tables, that has this title."""
    return next(one for one in measured().settings.costs if one.measure.title == of)


def arm(pair: str, transport: str) -> Arm:
    host, plugin = pair.split("/")
    arms = [a for a in measured().all_arms if (a.host, a.plugin) == (host, plugin)]
    return next(a for a in arms if a.transport == transport and a.usual)


def shown(cited: re.Match[str], pair: str) -> bool:
    """Whether the runs say so of a host and a plugin."""
    view, of = measured(), cost(cited["of"])
    found: Comparison | None
    if cited["how"] == "over":
        arms = (arm(pair, cited["one"]), arm(pair, cited["other"]))
        found = view.compare(of.measure, arms[0].id, arms[1].id)
        assert found is not None
        return found.difference.interval().low > 0
    found = view.cost(of.measure, arm(pair, cited["one"]))
    assert found is not None
    limit = view.budget[of.allowance].limit(view.unit(of.measure))
    ends = found.difference.interval()
    return ends.low > limit if cited["how"] == "beyond" else ends.high < limit


def test_what_is_said_of_hosts_and_plugins_is_what_the_runs_show() -> None:
    cited = list(FIGURES.finditer(" ".join((QUESTIONS + DECISIONS).split())))
    assert len(cited) > 5
    assert [
        f"{match[0]} of {pair}"
        for match in cited
        for pair in match["pairs"].split()
        if not shown(match, pair)
    ] == []


@cache
def totals(scenario: str) -> list[Total]:
    """The options of a case, the best first."""
    decision, cells = scored()
    case = decision.scenario(scenario)
    return rank(decision, cells, case, decision.weights(case), draws=1).totals


def decided(cited: re.Match[str]) -> bool:
    """Whether the ranking of a case, or the scores by a criterion in the record's, say so."""
    if cited["of"] in {scenario.id for scenario in scored()[0].scenarios}:
        order = [total.option for total in totals(cited["of"])]
        if cited["first"]:
            return order[0] == cited["one"]
        return order.index(cited["one"]) < order.index(cited["other"])
    scores = {total.option: total.scores for total in totals("nothing")}
    return scores[cited["one"]][cited["of"]] > scores[cited["other"]][cited["of"]]


def test_what_is_said_of_the_ranking_is_what_decide_finds() -> None:
    cited = list(DECIDED.finditer(" ".join((QUESTIONS + DECISIONS).split())))
    assert len(cited) > 5
    assert [match[0] for match in cited if not decided(match)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_sentence_that_compares_cites_a_claim(name: str) -> None:
    compared = [s for s in sentences(TEXTS[name]) if COMPARISON.search(s)]
    assert len(compared) > 5
    assert [
        s for s in compared if OPEN not in s and not any(h.search(s) for h in MEASURED_FORMS)
    ] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_sentence_that_binds_cites_a_clause_or_a_vector(name: str) -> None:
    binding = [s for s in sentences(TEXTS[name]) if VERB.search(s)]
    assert len(binding) > 5
    held = (CLAUSE, VECTOR)
    assert [s for s in binding if OPEN not in s and not any(h.search(s) for h in held)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_measured_figures_stand_only_where_they_are_written_by_a_command(name: str) -> None:
    """tests/tools/test_generate.py holds what stands there to the runs."""
    assert [s for s in sentences(TEXTS[name]) if FIGURE.search(s.replace(LIMIT, ""))] == []


def test_a_plugin_whose_sum_differs_from_its_pin_is_refused_as_the_record_says(
    tmp_path: Path,
) -> None:
    [statement] = [s for s in sentences(QUESTIONS) if "MUST run the bytes that it hashed" in s]
    assert statement.endswith("[P-TRUST-2].")
    manifest = json.loads((SPEC / "manifests" / "one-job.json").read_bytes())
    manifest["plugins"] = {"echo": {"sha256": "0" * 64}}
    path = tmp_path / "pinned.json"
    path.write_text(json.dumps(manifest))
    transport = next(n for n in transport_names() if load_transport(n).traits.isolated)
    command = Path(sys.executable).with_name("transportlab")
    done = subprocess.run(
        [command, "plan", "--manifest", path, "--backend", "echo", "--transport", transport],
        check=False, capture_output=True, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: E-PIN-MISMATCH: ")
