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
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from tools.generate.decision import scored
from tools.generate.record import BEGIN, END, elsewhere, measured
from transportlab.conformance.host.vectors import load_host_vectors
from transportlab.conformance.vectors import load_vectors
from transportlab.data import ROOT
from transportlab.decision.ranking import Total, rank
from transportlab.errors import MAX_MESSAGE_BYTES
from transportlab.evidence.analysis.claims import Judged, Verdict, judge, load_claims
from transportlab.evidence.record import Arm
from transportlab.evidence.report import summary
from transportlab.evidence.report.config import Cost, View
from transportlab.evidence.report.formatting import difference, unit_of_differences
from transportlab.registry import load_transport, transport_names

SPEC = Path(__file__).resolve().parents[1] / "spec"
LANGUAGES = SPEC.parent / "evidence" / "languages.json"
DOCUMENTS = ("OPEN_QUESTIONS.md", "DECISIONS.md")
TEXTS = {name: (SPEC / name).read_text() for name in DOCUMENTS}
QUESTIONS, DECISIONS = TEXTS.values()
README = (ROOT / "README.md").read_text()
ANSWER = "\n## The answer so far\n"
FIGURES_IN = {**{f"spec/{name}": text for name, text in TEXTS.items()}, "README.md": README}
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
    r"\[L: lines, (?P<plugins>[a-z, -]+?):"
    r" (?P<said>(?P<one>[a-z]+) (?:over|like) (?P<other>[a-z]+))\]"
)
FIGURES = re.compile(
    r"\[F: (?P<of>[a-zR ]+), (?P<pairs>[a-z/ -]+):"
    r" (?P<said>(?P<one>[a-z-]+) (?:(?:over|like) (?P<other>[a-z-]+)|beyond|within|undecided))\]"
)
DECIDED = re.compile(
    r"\[D: (?P<of>[a-z-]+): (?P<said>(?P<one>[a-z-]+) (?:first|(?:over|like) (?P<other>[a-z-]+)))\]"
)
ELSEWHERE = " elsewhere"
"""Behind what a citation is of: as it is on each other machine."""

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
    text = by_hand(text)
    body = text.partition(ANSWER)[2].partition("\n## ")[0] or text.partition("\n---\n")[2]
    blocks = [part for block in body.split("\n\n") for part in split_items(block)]
    return [s for block in blocks for s in SENTENCE_END.split(" ".join(block.split())) if s]


def split_items(block: str) -> list[str]:
    ends = [0, *(match.start() for match in ITEM.finditer(block)), len(block)]
    return [block[a:b] for a, b in pairwise(ends)]


def judged(view: View) -> dict[str, Judged]:
    """Each claim as it is on a machine."""
    return {one.claim.id: one for one in judge(load_claims(), view.measured, view.budget)}


@cache
def committed() -> dict[str, Judged]:
    """The same on the machine of the record."""
    return judged(measured())


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
    told = [c for c in conditions if not (c.startswith("To ") and c.endswith(":"))]
    assert len(told) > 5
    held = (*MEASURED_FORMS, re.compile(re.escape(OPEN)))
    assert [c for c in told if not any(form.search(c) for form in held)] == []


def test_readme_and_report_agree_with_the_decision() -> None:
    """The README's answer names what the decision does; the report is of the same code."""
    title = next(h[2] for h in headings("DECISIONS.md"))
    first, _, second = title.removeprefix("Out-of-tree backends speak ").partition(", and may add ")
    answer = README.partition(ANSWER)[2].partition("\n## ")[0]
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


@pytest.mark.parametrize("name", FIGURES_IN)
def test_each_citation_is_of_a_form_that_is_looked_up(name: str) -> None:
    found = [
        cited for sentence in sentences(FIGURES_IN[name]) for cited in CITATION.findall(sentence)
    ]
    assert len(found) > 10
    forms = (*MEASURED_FORMS, CLAUSE, VECTOR)
    assert [c for c in found if c != OPEN and not any(f.fullmatch(c) for f in forms)] == []


def by_budget(low: float, high: float, limit: float) -> str:
    return "beyond" if low > limit else "within" if high < limit else "undecided"


def by_table(cited: re.Match[str], plugin: str) -> tuple[str, str]:
    """What the table of languages has of a plugin, and what a citation may say of that."""
    rows = {row["id"]: row for row in json.loads(LANGUAGES.read_text())["rows"]}
    one, other = (rows[f"{plugin}/{cited[end]}"]["lines"]["transport"] for end in ("one", "other"))
    shown = f"{cited['one']} {one}, {cited['other']} {other}"
    return shown, ordered(cited["one"], cited["other"], one > other, one < other)


def ordered(one: str, other: str, more: bool, less: bool) -> str:  # two findings
    return (
        f"{one} over {other}" if more else f"{other} over {one}" if less else f"{one} like {other}"
    )


@cache
def cost(of: str) -> Cost:
    """The cost of the report, and of the record's tables, that has this title."""
    return next(one for one in measured().settings.costs if one.measure.title == of)


def arm(view: View, pair: str, transport: str) -> Arm:
    """The arm of a host and a plugin. transport: its id, or that with a codec that is not usual."""
    host, plugin = pair.split("/")
    arms = [*view.all_arms, *view.peers]
    names = {f"{a.transport}-{a.codec}": a for a in arms if (a.host, a.plugin) == (host, plugin)}
    usual = {a.transport: a for a in names.values() if a.usual or a.role == "peer"}
    return {**names, **usual}[transport]


def by_runs(cited: re.Match[str], pair: str) -> tuple[str, str]:
    """What the runs have of a host and a plugin, and what a citation may say of that."""
    there = cited["of"].endswith(ELSEWHERE)
    found = [on_machine(cited, pair, view) for view in (elsewhere() if there else [measured()])]
    assert found, f"{cited[0]}: there is no other machine"
    return "; ".join(shown for shown, _ in found), " or ".join(dict.fromkeys(s for _, s in found))


def on_machine(cited: re.Match[str], pair: str, view: View) -> tuple[str, str]:
    """The same on one machine."""
    of, one, other = cost(cited["of"].removesuffix(ELSEWHERE)), cited["one"], cited["other"]
    if other:
        found = view.compare(of.measure, arm(view, pair, one).id, arm(view, pair, other).id)
    else:
        found = view.cost(of.measure, arm(view, pair, one))
    assert found is not None, f"{cited[0]}: {pair} was not measured by the runs"
    ends, unit = found.difference.interval(), view.unit(of.measure)
    shown = f"{difference(ends, unit)} {unit_of_differences(unit)}"
    if other:
        return f"{one} less {other}: {shown}", ordered(one, other, ends.low > 0, ends.high < 0)
    limit = view.budget[of.allowance].limit(unit)
    bound = f"the budget is {limit / (1e-3 if unit == 's' else 1 << 20):g}"
    return f"{one}: {shown}; {bound}", f"{one} {by_budget(ends.low, ends.high, limit)}"


@cache
def totals(scenario: str) -> list[Total]:
    """The options of a case, the best first."""
    decision, cells = scored()
    case = decision.scenario(scenario)
    return rank(decision, cells, case, decision.weights(case), draws=1).totals


def by_ranking(cited: re.Match[str]) -> tuple[str, str]:
    """What a case's ranking, or the record's scores by a criterion, has, and says of it."""
    of, one, other = cited["of"], cited["one"], cited["other"]
    if of in {scenario.id for scenario in scored()[0].scenarios}:
        order = [total.option for total in totals(of)]
        shown = f"the order is {', '.join(order)}"
        if other is None:
            return shown, f"{order[0]} first"
        places = [order.index(name) for name in (one, other)]
        return shown, ordered(one, other, places[0] < places[1], places[0] > places[1])
    points = {total.option: total.scores[of] for total in totals("nothing")}
    shown = f"{one} {points[one]:.2f} points, {other} {points[other]:.2f}"
    more, less = points[one] > points[other], points[one] < points[other]
    return shown, ordered(one, other, more, less)


def by_claims(cited: re.Match[str]) -> tuple[str, str]:
    """What is found of a claim on the committed runs, and how it is cited."""
    one = committed()[cited[1]]
    shown = f"{summary.found(one)} {one.claim.comparison} {summary.bound(one)}: {one.verdict}"
    return shown, cited[1] + ("" if one.verdict is Verdict.HOLDS else f": {one.verdict}")


def faults(name: str, text: str) -> list[str]:
    """The citations of figures in a document that the evidence does not bear out.

    Each with its place, its sentence, what it says, what is found, and what to write in its place.
    """
    found = []
    for sentence in sentences(text):
        for form in MEASURED_FORMS:
            for cited in form.finditer(sentence):
                shown, instead = checked(cited)
                if instead != cited[0]:
                    found.append(
                        f"{name}:{line_of(sentence, text)}: {sentence}\n"
                        f"  says:  {cited[0]}\n  found: {shown}\n"
                        f"  write: {instead}, and change the sentence to say that"
                    )
    return found


def checked(cited: re.Match[str]) -> tuple[str, str]:
    """What is found of a citation, and the citations that are borne out: the same, if it is."""
    if cited.re is CLAIM:
        shown, says = by_claims(cited)
        return shown, f"[{says}]"
    if cited.re is DECIDED:
        shown, says = by_ranking(cited)
        return shown, f"[D: {cited['of']}: {says}]"
    kind, group, ask = (
        ("F", "pairs", by_runs) if cited.re is FIGURES else ("L", "plugins", by_table)
    )
    of_each = {one: ask(cited, one) for one in cited[group].replace(",", " ").split()}
    if {says for _, says in of_each.values()} == {cited["said"]}:
        return "", cited[0]
    told: dict[str, list[str]] = {}
    for one, (_, says) in of_each.items():
        told.setdefault(says, []).append(one)
    glue = " " if kind == "F" else ", "
    of = cited["of"] if kind == "F" else "lines"
    instead = [f"[{kind}: {of}, {glue.join(ones)}: {says}]" for says, ones in told.items()]
    wrong = [f"{one}: {shown}" for one, (shown, says) in of_each.items() if says != cited["said"]]
    return "; ".join(wrong), " ".join(instead)


def line_of(sentence: str, text: str) -> int:
    """The number of the line on which a sentence begins."""
    match = re.search(r"\s+".join(map(re.escape, sentence.split())), text)
    assert match, sentence
    return text.count("\n", 0, match.start()) + 1


@pytest.mark.parametrize("name", FIGURES_IN)
def test_each_figure_that_is_cited_is_what_the_evidence_shows(name: str) -> None:
    """What fails is to be written as it says: never is a bound or a run changed."""
    text = FIGURES_IN[name]
    within = [
        cited for s in sentences(text) for form in MEASURED_FORMS for cited in form.findall(s)
    ]
    assert len(within) > 5
    whole = " ".join(by_hand(text).split())
    assert len(within) == sum(len(form.findall(whole)) for form in MEASURED_FORMS)
    if found := faults(name, text):
        pytest.fail("\n\n".join(found), pytrace=False)


WRONG = """\

---

In Rust stdio is beyond the budget
[F: start to end, go/go go/rust: jsonrpc beyond]. gRPC starts first
[F: start to end, go/node: jsonrpc over grpc] [C-START-GO: not measured]. FFI
comes first [D: record: ffi first], and its authors write most
[L: lines, go: grpc over jsonrpc]. Their points differ
[D: exposure: jsonrpc like grpc]. This is true [F: start to end, go/c: ffi within].
"""


def test_a_figure_that_is_cited_wrongly_is_told_with_what_to_write() -> None:
    verdict = "" if (v := committed()["C-START-GO"].verdict) is Verdict.HOLDS else f": {v}"
    found = {fault.splitlines()[1].split(maxsplit=1)[1]: fault for fault in faults("X.md", WRONG)}
    writes = {
        "[F: start to end, go/go go/rust: jsonrpc beyond]":
            "[F: start to end, go/go go/rust: jsonrpc within]",
        "[F: start to end, go/node: jsonrpc over grpc]":
            "[F: start to end, go/node: grpc over jsonrpc]",
        "[C-START-GO: not measured]": f"[C-START-GO{verdict}]",
        "[D: record: ffi first]": f"[D: record: {totals('record')[0].option} first]",
        "[L: lines, go: grpc over jsonrpc]": "[L: lines, go: jsonrpc over grpc]",
        "[D: exposure: jsonrpc like grpc]": "[D: exposure: jsonrpc over grpc]",
    }  # fmt: skip
    assert found.keys() == writes.keys()
    for said, instead in writes.items():
        assert f"\n  write: {instead}, and change the sentence" in found[said]
    first = found["[F: start to end, go/go go/rust: jsonrpc beyond]"]
    assert first.startswith("X.md:4: In Rust stdio is beyond the budget")
    assert re.search(r"found: go/go: jsonrpc: [\d.]+ \[.+\] ms; the budget is 50; go/rust: ", first)


@pytest.mark.parametrize(
    ("ends", "said"), [((1, 2), "within"), ((4, 6), "undecided"), ((6, 7), "beyond")]
)
def test_each_place_by_the_budget_has_a_word(ends: tuple[float, float], said: str) -> None:
    assert by_budget(*ends, 5) == said


def test_what_holds_on_the_first_machine_holds_on_the_others_as_the_record_says() -> None:
    assert "The second contradicts none that holds on the first." in " ".join(QUESTIONS.split())
    said = "Each claim that holds on the first machine holds on the second."
    assert said in " ".join(DECISIONS.split())
    holding = {name for name, one in committed().items() if one.verdict is Verdict.HOLDS}
    others = [judged(view) for view in elsewhere()]
    assert others
    assert [
        name for one in others for name in holding if one[name].verdict is not Verdict.HOLDS
    ] == []


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
