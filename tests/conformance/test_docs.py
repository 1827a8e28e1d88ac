"""docs/conformance.md: its vector runs, and it names the whole language."""

import re
from pathlib import Path
from typing import get_args

import msgspec

from transportlab.conformance.generators import GENERATORS
from transportlab.conformance.patterns import OPERATORS
from transportlab.conformance.result import Status
from transportlab.conformance.runner import run_matrix
from transportlab.conformance.vectors import FEATURES, Step, Vector

DOC = (Path(__file__).resolve().parents[2] / "docs/conformance.md").read_text()


def test_the_example_is_a_vector_that_passes() -> None:
    [example] = re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)
    vector = msgspec.json.decode(example, type=Vector)
    [outcome] = run_matrix(["direct"], [vector]).arms[0].outcomes
    assert outcome.status is Status.PASS


def test_each_word_of_the_language_is_there() -> None:
    words = set(re.findall(r"\$[a-z]+", DOC))
    assert words == {*OPERATORS, *GENERATORS}
    steps = {kind.__struct_config__.tag for kind in get_args(Step)}
    assert steps <= set(re.findall(r"^\| (\w+) \|", DOC, re.MULTILINE))
    for word in (*Status, *FEATURES):
        assert word in DOC
