"""Adds a plugin to docs/plugins.md, from the reports of `transportlab conformance --json-file`.

    python -m tools.plugin_list REPORT [REPORT ...] --name NAME ...

--help tells the other options. A report may be of one transport or of several. What the page needs
of it goes into docs/plugins/NAME.json, and the page is written anew. A report that an entry may not
have is refused.
"""

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from tools.generate import ROOT
from tools.generate.plugins import FOLDER, LEAST_LEVEL, PAGE, Arm, Listed, load, page
from transportlab.backend import CAPABILITIES
from transportlab.conformance.report import FORMAT
from transportlab.conformance.result import Status
from transportlab.conformance.standing import load_standing, revisions
from transportlab.conformance.vectors import load_vectors
from transportlab.host.discovery import is_name
from transportlab.quote import quote

MOST_TOLD = 3
"""How many failures the refusal of a report names."""


class Refused(Exception):
    """An entry may not have this report; the text says why."""


def read_report(path: Path) -> tuple[str, int, list[dict[str, Any]]]:
    """The suite's version, the protocol's revision, and the outcomes. Raises Refused."""
    try:
        head, *outcomes, end = map(msgspec.json.decode, path.read_bytes().splitlines())
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        problem = "not a report of `transportlab conformance --json-file`"
        raise Refused(f"{path}: {problem}: {error}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Refused(f"{path}: not a report of format {FORMAT}")
    if not isinstance(end, dict) or "ok" not in end:
        raise Refused(f"{path}: the run has not ended")
    for found in end.get("disagreements", ()):
        raise Refused(f"{path}: {found['vector']}: the transports disagree")
    numbers = [str(number) for number in revisions()]
    if head.get("revision") not in numbers:
        raise Refused(f"{path}: not of a released revision; there are {', '.join(numbers)}")
    return str(head["project_version"]), int(head["revision"]), outcomes


def required(revision: int) -> dict[str, str]:
    """The vectors that a revision requires, each with its transport; empty for all of them."""
    vectors = load_vectors()
    standing = load_standing(vectors, lambda found: found.plugin, str(revision))
    return {vector.id: vector.transport for vector in vectors if standing.requires(vector)}


def arms(outcomes: Iterable[dict[str, Any]], vectors: Mapping[str, str]) -> Iterator[Arm]:
    """What each transport and codec passes, without those that the plugin does not have.

    vectors: those that are required; others do not count. Raises Refused.
    """
    by_arm: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for outcome in outcomes:
        if outcome["vector"] not in vectors:
            continue
        by_arm.setdefault((outcome["transport"], outcome["codec"]), []).append(outcome)
    for (transport, codec), found in by_arm.items():
        name = f"{transport}-{codec}"
        bad = [o for o in found if o["status"] not in (Status.PASS, Status.UNSUPPORTED)]
        if bad:
            told = ", ".join(f"{o['vector']} ({o['status']})" for o in bad[:MOST_TOLD])
            raise Refused(f"{name}: an entry has no such vectors: {told}; {len(bad)} in all")
        passed = [o for o in found if o["status"] == Status.PASS]
        if not passed:
            continue  # the plugin does not serve it
        its = {name for name, of in vectors.items() if of in ("", transport)}
        left_out = its - {o["vector"] for o in found}
        if left_out:
            some = ", ".join(sorted(left_out)[:MOST_TOLD])
            problem = (
                f"{len(left_out)} vectors that the revision requires are not in the report: {some}"
            )
            raise Refused(f"{name}: {problem}; run all of them")
        level = max(o["level"] for o in passed)
        if level < LEAST_LEVEL:
            raise Refused(f"{name}: expected level {LEAST_LEVEL} or higher, got {level}")
        lacking = Counter(_lacks(o["reason"])[0] for o in found if o not in passed)
        yield Arm(transport, codec, level, len(passed), dict(lacking.most_common()))


def _lacks(reason: str) -> list[str]:
    """What a vector needs that was not there."""
    return reason.removeprefix("needs ").split(", ")


def entry(paths: Sequence[Path], told: argparse.Namespace) -> Listed:
    """The entry of a plugin. Raises Refused."""
    if not is_name(told.name):
        raise Refused(f"--name: {quote(told.name)} is not a backend's name")
    found: list[dict[str, Any]] = []
    kinds = set()
    for path in paths:
        suite, revision, outcomes = read_report(path)
        kinds.add((suite, revision))
        found += outcomes
    if len(kinds) > 1:
        raise Refused(f"the reports are of several versions: {sorted(kinds)}")
    passed = tuple(arms(found, required(revision)))
    if not passed:
        raise Refused("no vector passes on any transport")
    served = {(arm.transport, arm.codec) for arm in passed}
    reasons = (
        o["reason"] for o in found if (o["transport"], o["codec"]) in served and "reason" in o
    )
    lacking = {each for reason in reasons for each in _lacks(reason)}
    return Listed(
        name=told.name,
        version=told.plugin_version,
        language=told.language,
        source=told.source,
        sha256=_sum(told.file),
        revision=revision,
        suite=suite,
        capabilities=tuple(c for c in CAPABILITIES if f"capability {c}" not in lacking),
        arms=passed,
    )


def _sum(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"--file: {file}: cannot be read: {error.strerror}") from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n  see `python -m tools.plugin_list --help`\n")


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Add or replace an entry; returns the exit status."""
    parser = _Parser(
        "python -m tools.plugin_list",
        description="Add a plugin to docs/plugins.md.",
        allow_abbrev=False,
    )
    parser.add_argument("reports", metavar="REPORT", nargs="+", type=Path, help="of --json-file")
    parser.add_argument("--name", required=True, help="the backend's name")
    parser.add_argument("--plugin-version", required=True, help="the plugin's own")
    parser.add_argument("--language", required=True, help="what it is written in")
    parser.add_argument("--source", required=True, help="where its source is")
    parser.add_argument("--file", type=Path, help="the release, whose SHA-256 is listed")
    told = parser.parse_args(arguments)
    try:
        new = entry(told.reports, told)
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 1
    path = root / FOLDER / f"{new.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(new), indent=2) + b"\n")
    (root / PAGE).write_bytes(page(load(root)))
    print(f"{path.relative_to(root)} and {PAGE} are written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
