"""The words of the tables are explained, and on one page."""

from transportlab.conformance.result import Status
from transportlab.data import ROOT
from transportlab.evidence.analysis.claims import Outcome, Verdict
from transportlab.evidence.analysis.stats import Told
from transportlab.model import DriftKind
from transportlab.model import Verdict as Ownership
from transportlab.words import MEANINGS, explained


def test_every_word_has_a_meaning() -> None:
    assert {*Verdict, *Outcome, *Told, *DriftKind, *Ownership} <= set(MEANINGS)
    assert {*Status} - {Status.PASS, Status.FAIL} <= set(MEANINGS)


def test_the_page_of_words_has_each_with_its_meaning() -> None:
    page = (ROOT / "docs" / "words.md").read_text()
    missing = [word for word, text in MEANINGS.items() if f"| {word} | {text} |" not in page]
    assert missing == []


def test_only_the_words_that_are_used_are_explained() -> None:
    assert explained(["more", "nobody's", "less"]) == [
        f"{word}: {MEANINGS[word]}" for word in ("less", "more")
    ]
