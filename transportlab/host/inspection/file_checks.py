"""Checks on a plugin's file without starting it: one for each reason why it might not start.

They explain. Whether the plugin starts is found out by starting it (start.py). So where systems
differ, a check rather passes than fails.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from transportlab.host.discovery import may_run_from
from transportlab.host.inspection.check import Check, CheckFailed, Status
from transportlab.host.inspection.elf import (
    FIXED_PROGRAM,
    MAGIC,
    NOT_TO_RUN,
    Elf,
    ElfError,
    parse_file,
)
from transportlab.host.inspection.libraries import find_libraries
from transportlab.host.inspection.script import (
    MARK,
    describe_unknown,
    read_head,
    resolve,
    why_unusable,
)

FILE_CHECKS = ("mount", "format", "interpreter", "machine", "loader", "libraries")
"""The checks of this module, in their order."""


def check_file(
    path: Path, *, library: bool, environment: Mapping[str, str], ran: bool = False
) -> list[Check]:
    """Make all FILE_CHECKS on the plugin's file. environment is what it will run with.

    ran: the kernel has started it, whatever became of it then.
    """
    file = _File(path, library, environment, ran)
    checks = []
    for name in FILE_CHECKS:
        try:
            found = getattr(file, name)()
            checks.append(Check(name, Status.OK if found else Status.NOT_REACHED, found))
        except CheckFailed as failed:
            checks.append(Check(name, Status.FAILED, failed.found, failed.action))
        except OSError as error:
            checks.append(Check(name, Status.NOT_REACHED, f"cannot be read: {error.strerror}"))
    return checks


class _File:
    """A file under examination. There is a method for each check, called in their order.

    A check returns what it found, or an empty text if there is nothing to look at. It raises
    CheckFailed or OSError. It may note what later checks need: which ELF file runs in the end.
    """

    def __init__(
        self, path: Path, library: bool, environment: Mapping[str, str], ran: bool
    ) -> None:
        self._path = path
        self._library = library
        self._environment = environment
        self._ran = ran
        self._binary: Path | None = None
        """The ELF file that runs in the end: the plugin's own, or its interpreter's."""
        self._elf: Elf | None = None
        self._script = False

    def mount(self) -> str:
        return _mount(self._path)

    def format(self) -> str:
        first = read_head(self._path)
        if first.startswith(MARK) and not self._library:
            self._script = True
            line = first.partition(b"\n")[0].rstrip(b"\r")
            return f"a script: {line.decode('utf-8', 'backslashreplace')}"
        if not first.startswith(MAGIC):
            raise CheckFailed(
                describe_unknown(first),
                "install the plugin's own file, built for this system; a script's first bytes are"
                " #! and the full path of its interpreter",
            )
        elf = _parsed(self._path)
        form = _form(elf, self._library)
        self._elf, self._binary = elf, self._path
        return form

    def interpreter(self) -> str:
        if self._elf is not None:
            return "not a script, so it needs none"
        if not self._script:
            return ""
        chain, self._binary = resolve(self._path, self._environment)
        self._elf = None if self._binary is None else _parsed(self._binary)
        return chain

    def machine(self) -> str:
        if self._elf is None:
            return ""
        here = parse_file(Path("/proc/self/exe"))
        if self._elf.runs_on(here):
            return self._of(self._elf.name)
        if self._ran and not self._script:  # a 32-bit program on 64 bits, or by binfmt_misc
            return f"{self._elf.name}, which runs here"
        built = self._elf.name
        self._elf = None  # what else it needs cannot be looked for here
        raise CheckFailed(
            self._of(f"built for {built}; this host is {here.name}"),
            "install the build for this machine",
        )

    def loader(self) -> str:
        if self._elf is None:
            return ""
        name = self._elf.interpreter
        if not name:
            return "the host loads it" if self._library else self._of("a static program")
        if problem := why_unusable(Path(name)):
            raise CheckFailed(
                self._of(f"its program loader {name} {problem}"),
                "it was built for another system (another libc, say): install the build for this"
                " one, or a static one",
            )
        return self._of(name)

    def libraries(self) -> str:
        if self._elf is None or self._binary is None:
            return ""
        needed = find_libraries(self._binary, self._elf, self._environment)
        if self._library:  # what its process has loaded already need not be found again
            own = Path("/proc/self/exe").resolve()
            for name in find_libraries(own, parse_file(own), os.environ).found:
                needed.missing.pop(name, None)
        if needed.missing:
            texts = [f"{name}, which {user.name} needs" for name, user in needed.missing.items()]
            raise CheckFailed(
                self._of(f"not found: {'; '.join(texts)}"),
                "install the package that has it, or put it where the loader looks (ldconfig); a"
                " plugin gets LD_LIBRARY_PATH only if CRONIX_PLUGIN_ENV names it",
            )
        return self._of(f"{len(needed.found)}, all there" if needed.found else "none needed")

    def _of(self, found: str) -> str:
        return f"{found} (of {self._binary})" if self._script else found


def _mount(path: Path) -> str:
    place = path.resolve()
    while not place.is_mount():
        place = place.parent
    if not may_run_from(path):
        raise CheckFailed(
            f"{place} is mounted noexec: nothing on it may run",
            f"install the plugin elsewhere, or: mount -o remount,exec {place}",
        )
    return f"{place} lets programs run"


def _parsed(path: Path) -> Elf:
    try:
        return parse_file(path)
    except ElfError as error:
        raise CheckFailed(f"a damaged ELF file: {error}", "install it again") from error


def _form(elf: Elf, library: bool) -> str:
    """Return what kind of ELF file it is. Raises CheckFailed if it is not the kind wanted."""
    if elf.kind in NOT_TO_RUN:
        raise CheckFailed(NOT_TO_RUN[elf.kind], "install the plugin's linked program")
    if library and (elf.interpreter or elf.kind == FIXED_PROGRAM):
        raise CheckFailed(
            "a program, not a shared library", "a program's name has no .so: rename it"
        )
    # A static program needs no libraries. Nor does every library, but a program has an entry.
    if not library and not elf.interpreter and (elf.needed or not elf.entry):
        raise CheckFailed(
            "a shared library, not a program",
            "name it cronix-backend-NAME.so; the transports for libraries reach it then",
        )
    return "an ELF shared library" if library else "an ELF program"
