"""What words mean that commands print and that are not plain English. docs/words.md has the same.

A word has one meaning in all commands. Where it is printed, explained() has a line on it.
"""

from collections.abc import Iterable

MEANINGS: dict[str, str] = {
    "holds": "the figure lies on the claim's side of the bound",
    "contradicted": "it lies on the other side of the bound",
    "practically equal": "it differs by less than matters: within a margin stated beforehand, by"
    " two one-sided tests",
    "inconclusive": "the evidence is too little to say any of these; more runs may tell",
    "not measured": "there are no samples of it",
    "reproduced": "the same verdict, and your interval lies within the committed one widened"
    " by the tolerance",
    "other size": "the same verdict, but another ratio than the tolerance allows; or one is"
    " practically equal and the other is not",
    "opposite": "it holds in one and is contradicted in the other",
    "undecided": "your run is inconclusive, or its interval reaches across the edge of the"
    " tolerance; more blocks may tell",
    "nothing to reproduce": "the committed evidence is inconclusive itself",
    "less": "B is below A: the whole interval is below 1",
    "more": "B is above A: the whole interval is above 1",
    "not told apart": "the interval holds 1 and is too wide to call both equal; more runs may tell",
    "bound": "what the figure is held against: a ratio, or an allowance of spec/budget.json",
    "tolerance": "the factor by which your ratio may differ from the committed one; where it says"
    ' "verdict", only the verdict counts, as seconds differ between machines',
    "[low, high]": "the interval in which the mean of repeated runs would lie, 19 times in 20",
    "arm": "one thing that is measured: a host with a plugin over a transport with a codec",
    "block": "one round of a measurement: every arm once, each in fresh processes, in random order",
    "vector": "one test: calls of the plugin or of the host, and what has to come of them",
    "level": "the highest up to which no vector failed; 0 is the lowest",
    "unsupported": "the transport or what is tested does not have what the vector needs; it is not"
    " counted as passed",
    "not run": "it could not be tried on this machine; it is not counted as passed",
    "harness error": "the suite itself failed, which says nothing about what is tested",
    "advisory": "the revision does not require the vector, so the run does not fail by it",
    "known": "a failure that the file of --known expects; the run does not fail by it",
    "binding": "what carries calls over the transport; at fault if the vector passes without it",
    "mutant": "a plugin with one fault, built in on purpose",
    "killed": "each vector that is named for the mutant fails on it",
    "survives": "a vector that is named for the mutant passes on it",
    "missing": "desired and not there",
    "modified": "there, but not as desired",
    "orphan": "owned by the app, and not desired",
    "foreign": "it runs the job and has no mark of cronix, so apply leaves it alone",
    "owned": "it has the app's mark, and its job is desired",
    "tampered": "it was edited by hand under its mark, or can never run",
    "abandoned": "its job is not in the manifest",
    "duplicate": "another entry counts for the same schedule of the job",
    "malformed marker": "a comment that looks like a mark of cronix and cannot be read",
    "BETWEEN": "the lowest and the highest total, as what is not known may score 0 or 10",
    "AS WEIGHED": "the share of draws that the option wins, with what is not known drawn",
    "NEARBY": "the same, with each weight also between half and twice as much",
    "ANY WEIGHTS": "the same, with any weights at all",
    "MEASURED": "how many of the figures behind the scores are measured, or are certain",
    "LEAD": "how far the first total is above the second",
    "CHANGES AT": "the least share of the weight that has to move for another option to win",
}


def explained(words: Iterable[str]) -> list[str]:
    """A line for each of these words that has a meaning, in the order of MEANINGS."""
    used = set(words)
    return [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in used]
