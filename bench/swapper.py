"""Starts a pinned plugin while its file is swapped: the wrong bytes must never run.

    python -m bench.swapper [--tries N]

The plugin is a script, an ELF program, and a shared library. A second process (swaps.py) exchanges
the right file for a wrong one and back, in each of four ways: it renames another file over it,
changes where a link leads, changes where the link to its directory leads, or writes into the file.
A wrong file first adds a byte to a file of its own; these bytes are counted.

Each row also has as many tries of a naive host, which hashes the path and then runs the path. This
shows what the race does to such a host. For libraries there is none, since it would load them.

Exits with 1 if wrong bytes ran, or if a row proves nothing: the right bytes never ran, or the wrong
ones were never refused. Without a C compiler only the script is tried, and the output says so.
"""

import argparse
import hashlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.swaps import WAYS, Swapped, swapping
from transportlab.channel import EndpointKind
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.discovery import LIBRARY_SUFFIX, find
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

NAME = "swapped"
FILE = f"cronix-backend-{NAME}"
SCRIPT = """#!/bin/sh
{first}
echo "CRONIX-PLUGIN-V1 stdio"
read -r line
"""

PROGRAM = """
#include <stdio.h>
int main(void) {
    FILE *mark = WRONG[0] ? fopen(WRONG, "a") : NULL;
    if (mark) { fputc('x', mark); fclose(mark); }
    puts("CRONIX-PLUGIN-V1 stdio");
    fflush(stdout);
    while (getchar() != EOF) {}
    return 0;
}
"""

LIBRARY = """
#include <stdio.h>
__attribute__((constructor)) static void load(void) {
    FILE *mark = fopen(WRONG, "a");
    if (mark) { fputc('x', mark); fclose(mark); }
}
"""


@dataclass
class Row:
    """What came of the tries of one kind of file, swapped in one way."""

    kind: str
    way: str
    tries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    naive: str = "-"

    @property
    def good(self) -> bool:
        """Whether no wrong bytes ran, and both outcomes occurred."""
        return not self.wrong and self.outcomes.keys() == {"ran", "E-PIN-MISMATCH"}


def kinds(folder: Path) -> Iterator[tuple[str, Swapped]]:
    """Make each kind of plugin that can be made here: its two files in a directory of its own."""
    script = _new(folder, "script", FILE)
    script.right.write_text(SCRIPT.format(first=":"))
    script.wrong.write_text(SCRIPT.format(first=f"printf x >>{shlex.quote(str(script.mark))}"))
    yield "script", script
    if shutil.which("cc") is None:
        print("program, library: not run: no C compiler")
        return
    program = _new(folder, "program", FILE)
    for path, mark in ((program.right, ""), (program.wrong, str(program.mark))):
        _compile(PROGRAM, mark, path)
    yield "program", program
    library = _new(folder, "library", FILE + LIBRARY_SUFFIX)
    try:
        shutil.copy(find("echo", library=True).path, library.right)
    except PluginError:
        print("library: not run: the reference plugins' libraries were not built")
        return
    _compile(LIBRARY, str(library.mark), library.wrong, "-shared", "-fPIC")
    yield "library", library


def _new(folder: Path, kind: str, file: str) -> Swapped:
    swapped = Swapped(folder / kind, file)
    for path in (swapped.right, swapped.wrong):
        path.parent.mkdir(parents=True)
    return swapped


def _compile(code: str, mark: str, out: Path, *flags: str) -> None:
    command = ["cc", "-x", "c", f'-DWRONG="{mark}"', *flags, "-o", str(out), "-"]
    subprocess.run(command, input=code.encode(), check=True)


def transport_for(kind: str) -> str:
    """Return a transport that can start such a file, which does no more than its handshake."""
    wanted = EndpointKind.LIBRARY if kind == "library" else EndpointKind.STDIO
    return transport_names(wanted)[0]


def campaign(kind: str, swapped: Swapped, way: str, tries: int) -> Row:
    """Start the plugin that many times while it is swapped."""
    row = Row(kind, way)
    digest = swapped.finish()
    options = HostOptions(pins={NAME: PluginPin((digest,))}, opens=False)
    transport = transport_for(kind)
    with swapping(way, swapped):
        for _ in range(tries):
            row.tries += 1
            try:
                open_backend(str(swapped.path), transport, options).close()
                row.outcomes["ran"] += 1
            except PluginError as error:
                row.outcomes[error.code] += 1
        row.wrong = swapped.wrong_runs()
        if kind != "library":
            for _ in range(tries):
                naive_host(str(swapped.path), digest)
            row.naive = f"{swapped.wrong_runs()} of {tries}"
    return row


def naive_host(path: str, digest: str) -> None:
    """Hash what the path leads to, then run what the path leads to."""
    with suppress(OSError):  # a half-written script may not be a program
        if hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest:
            quiet = subprocess.DEVNULL
            subprocess.run([path], stdin=quiet, stdout=quiet, stderr=quiet, check=False)


def main(arguments: list[str]) -> int:
    """Run the command: see the module."""
    parser = argparse.ArgumentParser("bench.swapper", description="Race a swapper against pins.")
    parser.add_argument("--tries", type=int, default=10_000, help="in all")
    tries = parser.parse_args(arguments).tries
    print("file     swapped by  tries    ran  refused  other  wrong bytes ran  naive host ran them")
    rows = []
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        made = list(kinds(Path(folder)))
        share = -(-tries // (len(made) * len(WAYS)))
        for kind, swapped in made:
            for way in WAYS:
                row = campaign(kind, swapped, way, share)
                rows.append(row)
                ran, refused = row.outcomes["ran"], row.outcomes["E-PIN-MISMATCH"]
                print(
                    f"{row.kind:8} {row.way:10} {row.tries:6} {ran:6} {refused:8}"
                    f" {row.tries - ran - refused:6} {row.wrong:16} {row.naive:>20}",
                    flush=True,
                )
    wrong, total = sum(row.wrong for row in rows), sum(row.tries for row in rows)
    print(f"{total} tries, wrong bytes ran {wrong} times")
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
