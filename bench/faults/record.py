"""The file of a campaign: the facts of the machine, and the result of each run of each cell.

It is written after every cell, so a campaign goes on where it was interrupted, and can be run in
parts. A file that other sources wrote is begun anew: its runs are not this program's.
"""

import json
import os
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.faults.catalogue import Fault
from bench.faults.columns import Column, columns
from bench.faults.trial import RunResult
from transportlab.evidence.run import machine as facts

FORMAT = 1

Cell = dict[str, Any]


class Record:
    """The file at a path. memory: how the memory of plugins is bounded."""

    def __init__(self, path: Path, memory: str) -> None:
        self._path = path
        self.document = self._document(memory)
        if path.exists():
            found = json.loads(path.read_text())
            same = ("format", "source_sha256")
            if all(found.get(key) == self.document[key] for key in same):
                self.document = found

    @staticmethod
    def _document(memory: str) -> dict[str, Any]:
        commit, dirty = facts.commit()
        found = facts.facts()
        return {
            "format": FORMAT,
            "source_sha256": found.pop("source_sha256"),
            "commit": commit,
            "dirty": dirty,
            "memory": memory,
            "in_host": [column.title for column in columns() if column.in_host],
            "facts": found,
            "cells": [],
        }

    def cell(self, fault: Fault, column: Column) -> Cell:
        """Return the cell, which is made if it does not exist."""
        cells: list[Cell] = self.document["cells"]
        for cell in cells:
            if (cell["fault"], cell["column"]) == (fault.name, column.title):
                return cell
        cells.append({"fault": fault.name, "column": column.title, "not_run": "", "runs": []})
        return cells[-1]

    @staticmethod
    def add(cell: Cell, result: RunResult) -> None:
        """Add one run. The whole text of an error is kept once, as only numbers in it differ."""
        result.text = "" if cell["runs"] else _without_places(result.text)
        result.problem = _without_places(result.problem)
        cell["runs"].append(asdict(result))

    def take(self, path: Path) -> None:
        """Take in the runs of another part's file. Raises ValueError if other sources wrote it."""
        found = json.loads(path.read_text())
        for key in ("format", "source_sha256", "memory"):
            if found.get(key) != self.document[key]:
                raise ValueError(f"{path}: {key} is {found.get(key)}, not {self.document[key]}")
        if not self.document["cells"]:
            self.document |= {key: found[key] for key in ("commit", "dirty", "facts")}
        there = {(cell["fault"], cell["column"]): cell for cell in self.document["cells"]}
        for cell in found["cells"]:
            have = there.get((cell["fault"], cell["column"]))
            if have is None:
                self.document["cells"].append(cell)
                continue
            known = {(run["bounds"], run["run"]) for run in have["runs"]}
            have["runs"] += [r for r in cell["runs"] if (r["bounds"], r["run"]) not in known]

    def write(self) -> None:
        """Write the file, whole or not at all, one run a line."""
        self.document["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.document["load"] = facts.load()
        head = {key: value for key, value in self.document.items() if key != "cells"}
        cells = ",\n".join(map(_cell_text, self.document["cells"]))
        text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        made = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        made.write_text(f'{text},\n "cells": [\n{cells}\n]}}\n')
        made.replace(self._path)


def _cell_text(cell: Cell) -> str:
    head = {key: value for key, value in cell.items() if key != "runs"}
    runs = ",\n  ".join(json.dumps(run, ensure_ascii=False) for run in cell["runs"])
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "runs": [\n  {runs}]}}'


def _without_places(text: str) -> str:
    return re.sub(r"\$TMP/tl-[^/]+(/c[^/]+/f)?", "$DIR", facts.without_places(text))
