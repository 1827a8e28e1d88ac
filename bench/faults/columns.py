"""The columns of the campaign: the ways to reach a plugin, and the misbehaving plugin for each."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.faults.catalogue import FAULTS, Fault, fault_named
from transportlab.channel import EndpointKind
from transportlab.registry import load_transport, transport_names

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """#!{python}
import sys
sys.path.insert(0, {root!r})
from bench.faults.plugin import main
main()
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One way to reach the plugin. library: the plugin is a shared library."""

    title: str
    transport: str
    library: bool = False

    @property
    def in_host(self) -> bool:
        """Whether the plugin runs in the host's own process."""
        return not load_transport(self.transport).traits.isolated


def columns() -> list[Column]:
    """Return one column for each transport to a plugin, and one for a library in a worker."""
    programs = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
    libraries = transport_names(EndpointKind.LIBRARY)
    pipe = transport_names(EndpointKind.STDIO)[0]
    return [
        *(Column(name, name) for name in programs),
        *(Column(name, name, True) for name in libraries),
        *(Column(f"{name} in a worker", pipe, True) for name in libraries),
    ]


def not_applicable(fault: Fault, column: Column) -> str:
    """Say why there is no such fault in this column; empty if there is."""
    if not column.library:
        return ""
    return fault.no_library if column.in_host else fault.no_worker


class Artifacts:
    """The misbehaving plugin as a program and, if it can be built, as a library."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "cronix-backend-crontab"
        self.write_program(self.program)
        self.library = folder / "cronix-backend-crontab.so"
        self.missing = ""
        for column in columns():
            if column.library and column.in_host:
                self._build(f"transports.{column.transport}.build")

    @staticmethod
    def write_program(path: Path) -> None:
        """Write the program to this path."""
        path.write_text(PROGRAM.format(python=sys.executable, root=str(ROOT)))
        path.chmod(0o755)

    def _build(self, module: str) -> None:
        command = [sys.executable, "-m", module, "--plugin", "bench.faults.plugin:PLUGIN"]
        done = subprocess.run(
            [*command, "--out", str(self.library)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            self.missing = done.stderr.strip().splitlines()[-1]

    def of(self, column: Column) -> Path:
        """Return the file that a column's host starts."""
        return self.library if column.library else self.program


def chosen(names: Sequence[str], titles: Sequence[str]) -> list[tuple[Fault, Column]]:
    """Return the cells of these faults and columns; all of them if none is named.

    Raises KeyError for an unknown fault, ValueError for an unknown column.
    """
    all_columns = columns()
    wanted = [fault_named(name) for name in names] or list(FAULTS)
    for title in titles:
        if title not in [column.title for column in all_columns]:
            known = ", ".join(column.title for column in all_columns)
            raise ValueError(f"no column {title}; there are {known}")
    return [
        (fault, column)
        for fault in wanted
        for column in all_columns
        if not titles or column.title in titles
    ]
