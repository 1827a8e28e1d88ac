"""The files of a run over many machines: one for each machine, in a folder."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from transportlab.errors import UsageError
from transportlab.evidence.analysis.runs import kind_of
from transportlab.evidence.cluster.agent import CONFORMED
from transportlab.evidence.record import Evidence, EvidenceError, load, write
from transportlab.evidence.run.plan import Key
from transportlab.evidence.run.runner import now
from transportlab.evidence.suites import GROUPS

ANY_MACHINE = "machine-*.json.gz"


class Files:
    """The evidence of each machine, by the machine's name. A file is written once it has blocks.

    resume: go on with the files that are there. Raises UsageError if there are some and they are
    not to be resumed, and EvidenceError if they are and cannot be.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._folder = folder
        self.found: dict[str, Evidence] = {}
        paths = sorted(folder.glob(ANY_MACHINE)) if folder.is_dir() else []
        if resume:
            self._resume(paths)
        elif paths:
            raise UsageError(
                f"{folder} has files of machines already; --resume continues an interrupted run,"
                " --out names another folder"
            )
        elif folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: --dask writes a file for each machine into a folder")

    def _resume(self, paths: list[Path]) -> None:
        if not paths:
            raise EvidenceError(f"{self._folder}: there is no file {ANY_MACHINE} to resume")
        self.found = {path.name.partition(".")[0]: load(path) for path in paths}
        if not self.resumable:
            raise EvidenceError(f"{self._folder}: the run is complete; there is nothing to resume")

    @property
    def paths(self) -> list[Path]:
        """The files that have blocks."""
        return [self.path(name) for name, found in sorted(self.found.items()) if found.blocks]

    @property
    def resumable(self) -> bool:
        """Whether a file that has blocks lacks others."""
        return any(found.blocks and not found.complete for found in self.found.values())

    def path(self, machine: str) -> Path:
        """The file of a machine."""
        return self._folder / f"{machine}.json.gz"

    def make_folder(self) -> None:
        """Make the folder, before anything is measured that could not be kept.

        Raises EvidenceError.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self._folder).close()
        except OSError as error:
            raise EvidenceError(f"{self._folder}: cannot be written: {error.strerror}") from error

    def write(self, machine: str) -> None:
        """Write the file of a machine, if it has blocks. Raises EvidenceError."""
        found = self.found[machine]
        if found.blocks:
            found.ended = now()
            write(self.path(machine), found)

    def of(self, kind: str) -> list[str]:
        """The machines of a kind."""
        return [name for name, found in self.found.items() if kind_of_machine(found) == kind]

    def longest(self, kind: str) -> str:
        """The machine of a kind that has most blocks."""
        return max(self.of(kind), key=lambda name: len(self.found[name].blocks))

    def keys(self, kind: str) -> set[Key]:
        """What the machines of a kind have measured."""
        return {key for name in self.of(kind) for key in _keys(self.found[name])}


def kind_of_machine(found: Evidence) -> str:
    """The kind of a machine: the report's group of it, and the arms that it measures."""
    return f"{kind_of(found)} {sorted(arm.id for arm in found.arms)}"


def name_of(address: str) -> str:
    """The name of the machine that a worker's address is of. It shows no address."""
    host = urlsplit(address).hostname or address
    return f"machine-{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def _keys(found: Evidence) -> Iterator[Key]:
    groups = {suite: group for group, suites in GROUPS.items() for suite in suites}
    yield from ((groups[b.suite], b.placement, b.number) for b in found.blocks)
    if found.conformance is not None:
        yield CONFORMED
