"""Which runs belong together: all that measured the same code, by machine.

A run is never replaced by a later one: runs differ by more than the blocks of one run show, and how
far is part of each interval (stats.py). So evidence/runs keeps every run, and whoever reads them
sorts them here:

- runs of the same code (facts/source_sha256) count;
- of these, runs on the same machine with the same libraries, programs and effort are one group.
  Each group has its own estimates, since a machine is not a draw among machines;
- the newest runs of other code of each machine stand beside and are named so: a machine may not
  have measured this code, and one that has shows what the change of the code did. All else is told
  and left out.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

import msgspec

from transportlab.evidence.record import Block, Evidence, EvidenceError, load
from transportlab.registry import transport_names

GROUPED_BY = (
    "topology",
    "hypervisor",
    "python",
    "protobuf_backend",
    "programs",
    "effort",
)
"""Facts that are equal within a group, beside the CPU's model and the libraries' versions."""


class Runs(msgspec.Struct, frozen=True):
    """Runs of one code: a group for each machine. Others are apart.

    The group with most blocks is first; of equals, the one that was measured first. other_code: the
    newest group of other code of each machine. left_out: the rest.
    """

    groups: list[list[Evidence]]
    other_code: list[list[Evidence]] = []
    left_out: list[Evidence] = []

    @property
    def digest(self) -> str:
        """The digest of the code that the groups measured."""
        return digest_of(self.groups[0][0])

    def like(self, run: Evidence) -> list[Evidence]:
        """The group of the machine that is most like that of a run; of equals the first.

        It has other code only if no machine with such a CPU has measured this code.
        """
        return max((*self.groups, *self.other_code), key=lambda group: self._alike(group[0], run))

    def _alike(self, one: Evidence, other: Evidence) -> tuple[bool, bool, int]:
        """How much of two machines is the same: the CPU, this code, then each fact."""
        same = [name for name in GROUPED_BY if one.facts.get(name) == other.facts.get(name)]
        libraries_too = _versions(one) == _versions(other)
        cpu, code = _model(one) == _model(other), digest_of(one) == self.digest
        return cpu, code, len(same) + libraries_too


def read(paths: Sequence[Path], digest: str = "") -> Runs:
    """The runs of the files. digest: of the code that is wanted, if there are runs of it.

    Otherwise it is the code of the newest run. Raises EvidenceError.
    """
    found = [load(path) for path in paths]
    if not found:
        raise EvidenceError("no evidence file was given")
    return sort(found, digest)


def sort(found: Sequence[Evidence], digest: str = "") -> Runs:
    """The same of runs that have been read. Of copies of a run the longest counts."""
    longest: dict[tuple[str, int, str], Evidence] = {}
    for one in sorted(found, key=lambda run: len(run.blocks)):
        longest[one.started, one.seed, one.commit] = one
    runs = sorted(longest.values(), key=lambda run: (run.started, run.seed))
    digests = [digest_of(run) for run in runs]
    wanted = digest if digest in digests else digests[-1]
    groups: dict[str, list[Evidence]] = {}
    for run in runs:
        if digest_of(run) == wanted:
            groups.setdefault(kind_of(run), []).append(run)
    most_blocks_first = sorted(
        groups.values(), key=lambda group: -sum(len(run.blocks) for run in group)
    )
    others = [run for run in runs if digest_of(run) != wanted]
    beside = _newest(others)
    known = [run for group in beside for run in group]
    return Runs(most_blocks_first, beside, [run for run in others if run not in known])


def _newest(runs: Sequence[Evidence]) -> list[list[Evidence]]:
    """The newest group of each machine. runs: by the time of their start."""
    groups: dict[str, list[Evidence]] = {}
    for run in reversed(runs):
        group = groups.setdefault(hardware(run), [])
        if not group or _kinds(run) == _kinds(group[0]):
            group.insert(0, run)
    return list(groups.values())


def hardware(run: Evidence) -> str:
    """The machine of a run, whatever is installed there."""
    topology = run.facts.get("topology")
    online = topology.get("online") if isinstance(topology, dict) else None
    return json.dumps([_model(run), online])


def _kinds(run: Evidence) -> tuple[str, str]:
    return digest_of(run), kind_of(run)


def digest_of(run: Evidence) -> str:
    """The digest of the code that a run measured."""
    return str(run.facts.get("source_sha256", ""))


def kind_of(run: Evidence) -> str:
    """The kind of machine of a run: runs of one code and one kind are a group."""
    facts = [run.facts.get(name) for name in GROUPED_BY]
    return json.dumps([_model(run), _versions(run), *facts], sort_keys=True)


def _versions(run: Evidence) -> dict[str, object]:
    """The versions of the libraries that measured processes import, and no others."""
    found = run.facts.get("versions")
    return {n: v for n, v in found.items() if n in libraries()} if isinstance(found, dict) else {}


@cache
def libraries() -> frozenset[str]:
    """The distributions that the transports need, and what these need in their turn."""
    wanted = [f"extra == {quote}{name}{quote}" for name in transport_names() for quote in "\"'"]
    found: set[str] = set()
    todo = [_named(text) for text in metadata.requires("transportlab") or () if _is(text, wanted)]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            with suppress(metadata.PackageNotFoundError):
                todo += [_named(text) for text in metadata.requires(name) or () if _is(text, ())]
    return frozenset(found)


def _is(requirement: str, extras: Sequence[str]) -> bool:
    """Whether a requirement is one without any extra, or with one of these."""
    return "extra ==" not in requirement or any(extra in requirement for extra in extras)


def _named(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()


def _model(run: Evidence) -> str:
    cpu = run.facts.get("cpu")
    return str(cpu.get("model", "")) if isinstance(cpu, dict) else ""


def machine_name(run: Evidence) -> str:
    """The machine of a run in a few words."""
    python = run.facts.get("python")
    version = python.get("version", "?") if isinstance(python, dict) else "?"
    return f"{cpu_name(run)}, {run.facts.get('kernel', '?')}, Python {version}"


def cpu_name(run: Evidence) -> str:
    """The model and number of its CPUs."""
    topology = run.facts.get("topology")
    cpus = topology.get("available", ()) if isinstance(topology, dict) else ()
    model = " ".join(re.sub(r"\((?:R|TM)\)", "", _model(run)).split()) or "an unknown CPU"
    return f"{model}, {len(cpus) or '?'} CPU{'s' * (len(cpus) != 1)}"


def joined(runs: Sequence[Evidence]) -> Evidence:
    """The runs of a group as one file, for what is told of them: arms, gaps, facts, blocks.

    A fact that differs is a list of its values.
    """
    first, blocks = runs[0], list[Block]()
    for run in runs:
        offset = 1 + max((block.number for block in blocks), default=-1)
        blocks += [msgspec.structs.replace(b, number=b.number + offset) for b in run.blocks]
    return msgspec.structs.replace(
        first,
        ended=max(run.ended for run in runs),
        complete=all(run.complete for run in runs),
        dirty=any(run.dirty for run in runs),
        facts={name: _values(runs, name) for run in runs for name in run.facts},
        arms=list({arm.id: arm for run in runs for arm in run.arms}.values()),
        suites={name: suite for run in runs for name, suite in run.suites.items()},
        not_run=list(dict.fromkeys(gap for run in runs for gap in run.not_run)),
        conformance=next((r.conformance for r in reversed(runs) if r.conformance), None),
        blocks=blocks,
    )


def _values(runs: Sequence[Evidence], name: str) -> object:
    found: list[object] = []
    for run in runs:
        if (value := run.facts.get(name)) not in found:
            found.append(value)
    return found[0] if len(found) == 1 else found
