"""What the words of the tables mean, for where they are printed. docs/words.md has the same.

A word has one meaning in all commands.
"""

from collections.abc import Iterable

from transportlab.evidence.analysis.claims import Outcome, Verdict
from transportlab.evidence.analysis.stats import Told

MEANINGS: dict[str, str] = {
    Verdict.HOLDS: "the figure lies on the claim's side of the bound",
    Verdict.CONTRADICTED: "it lies on the other side of the bound",
    Verdict.EQUAL: "it differs by less than matters: within a margin stated beforehand, by two"
    " one-sided tests",
    Verdict.INCONCLUSIVE: "the evidence is too little to say any of these; more runs may tell",
    Verdict.NOT_MEASURED: "there are no samples of it",
    Outcome.REPRODUCED: "the same verdict, and your interval lies within the committed one widened"
    " by the tolerance",
    Outcome.OTHER_SIZE: "the same verdict, but another ratio than the tolerance allows; or one is"
    " practically equal and the other is not",
    Outcome.OPPOSITE: "it holds in one and is contradicted in the other",
    Outcome.UNDECIDED: "your run is inconclusive, or its interval reaches across the edge of the"
    " tolerance; more blocks may tell",
    Outcome.NOTHING: "the committed evidence is inconclusive itself",
    Told.LESS: "B is below A: the whole interval is below 1",
    Told.MORE: "B is above A: the whole interval is above 1",
    Told.OPEN: "the interval holds 1 and is too wide to call both equal; more runs may tell",
    "bound": "what the figure is held against: a ratio, or an allowance of spec/budget.json",
    "tolerance": "the factor by which your ratio may differ from the committed one; where it says"
    ' "verdict", only the verdict counts, as seconds differ between machines',
    "[low, high]": "the interval in which the mean of repeated runs would lie, 19 times in 20",
}


def explained(words: Iterable[str]) -> list[str]:
    """A line for each of these words that has a meaning, in the order of MEANINGS."""
    used = set(words)
    return [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in used]
