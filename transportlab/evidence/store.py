"""The evidence file while it grows: written whole after each block, or read to go on with.

One line a member and one line a block, so that a difference between two files can be read.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from transportlab.errors import LabError

BLOCKS = "blocks"


class StoreError(LabError):
    """The file cannot be written, or a run cannot be gone on with from it."""


class Store:
    """One evidence file. document is all of it but the blocks, which only ever are added."""

    def __init__(self, path: Path, document: dict[str, Any], blocks: list[dict[str, Any]]) -> None:
        self.path = path
        self.document = document
        self._blocks = [msgspec.json.encode(block) for block in blocks]
        self.done = {(b["suite"], b["placement"], b["number"]) for b in blocks}

    def add(self, blocks: list[dict[str, Any]]) -> None:
        """Add finished blocks; they are in the file after write()."""
        self._blocks += [msgspec.json.encode(block) for block in blocks]
        self.done |= {(b["suite"], b["placement"], b["number"]) for b in blocks}

    def write(self) -> None:
        """Put everything into the file, which at any time is the old one whole or the new one."""
        members = [
            b'"' + name.encode() + b'": ' + msgspec.json.encode(value)
            for name, value in self.document.items()
        ]
        blocks = b",\n  ".join(self._blocks)
        members.append(b'"' + BLOCKS.encode() + b'": [\n  ' + blocks + b"\n ]")
        data = b"{\n " + b",\n ".join(members) + b"\n}\n"
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error


def resume(path: Path, fresh: dict[str, Any]) -> Store:
    """The file of an interrupted run, to go on with.

    fresh is the document that the run would begin with now: what has to agree must agree. Raises
    StoreError with every member that does not.
    """
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        blocks = found.pop(BLOCKS)
        differing = _differing(found, msgspec.json.decode(msgspec.json.encode(fresh)))
        complete = found["complete"]
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{path} is not an evidence file: {error!r}") from error
    if complete:
        raise StoreError(f"{path} is complete: there is nothing to go on with")
    if differing:
        raise StoreError(
            f"{path} was begun under other conditions, so its blocks cannot be set beside new"
            f" ones: {'; '.join(differing)}"
        )
    return Store(path, found, blocks)


def _differing(found: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    names = ("format", "profile", "commit", "project_version", "arms", "suites")
    pairs = [(name, found[name], fresh[name]) for name in names]
    before, now = found["facts"], fresh["facts"]
    pairs += [(f"facts/{n}", before.get(n), now.get(n)) for n in sorted({*before, *now})]
    return [f"{name} was {was!r}, is {new!r}" for name, was, new in pairs if was != new]
