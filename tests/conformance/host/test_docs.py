"""docs/conformance-of-hosts.md: its example is a vector, and it names the whole language."""

import json
import re
from pathlib import Path

from transportlab.conformance.host.command import OPTIONAL, OPTIONS, REQUIRED
from transportlab.conformance.host.place import SCRIPTED, digest
from transportlab.conformance.host.vectors import Expect

ROOT = Path(__file__).resolve().parents[3]
DOC = (ROOT / "docs/conformance-of-hosts.md").read_text()
WORDS = set(re.findall(r"[\w-]+", DOC))


def test_the_example_is_a_vector() -> None:
    [example] = re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)
    vectors = json.loads((ROOT / "spec/conformance/host/stop.json").read_text())["vectors"]
    assert json.loads(example) in vectors


def test_each_word_of_the_language_is_there() -> None:
    steps = re.findall(r"def _do_(\w+)", SCRIPTED.read_text())
    assert {step.replace("_", "-") for step in steps} <= WORDS
    assert set(digest([])) <= WORDS
    assert set(Expect.__struct_fields__) <= WORDS
    for place in (*REQUIRED, "options", *OPTIONAL):
        assert f"| `{{{place}}}` |" in DOC
    for option in re.findall(r"--[\w-]+", OPTIONS):
        assert f"`{option}`" in DOC or option == "--log"
