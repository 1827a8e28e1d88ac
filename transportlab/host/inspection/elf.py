"""Reads what an ELF file needs of the machine that runs it: a pure function of its bytes.

It reads only what decides whether the file can be started: class, byte order, machine, the program
loader that it names (PT_INTERP), the libraries that it needs (DT_NEEDED), and where it looks for
them (DT_RPATH, DT_RUNPATH). Field names and numbers are those of the System V ABI, chapters 4 and
5. Any bytes give an Elf or an ElfError, in bounded time and memory.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

Read = Callable[[int, int], bytes]
"""read(offset, size) returns the bytes there, fewer at the end of the file."""

MAGIC = b"\x7fELF"

MAX_SEGMENTS = 1024
MAX_DYNAMIC = 1024
MAX_TEXT = 4096
"""Bounds on what is read. Real files are far below (bash: 13 segments, 31 dynamic entries)."""

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29

MACHINES = {
    3: "x86", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "ARM", 43: "SPARC",
    62: "x86-64", 183: "AArch64", 243: "RISC-V", 247: "eBPF", 258: "LoongArch",
}  # fmt: skip
"""Names of e_machine, for machines that run Linux."""

FIXED_PROGRAM = 2
"""e_type of a program at a fixed address. Other programs have the e_type of a library."""

NOT_TO_RUN = {1: "an object file that has not been linked", 4: "a core dump"}
"""Names of e_type, for what is neither a program nor a library."""


class ElfError(Exception):
    """The bytes are not an ELF file, or one that is cut off or damaged."""


class Elf(msgspec.Struct, frozen=True):
    """What a file needs.

    bits: 32 or 64.
    order: "little" or "big".
    machine, kind, entry: e_machine, e_type, e_entry.
    interpreter: the program loader's path; empty in a static program or a library.
    needed: libraries, by file name, or by path if it has a slash.
    paths: directories to look for them in; $ORIGIN is not filled in.
    """

    bits: int
    order: str
    machine: int
    kind: int
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    entry: int = 0

    @property
    def name(self) -> str:
        """The machine in words: "x86-64, 64 bits, little-endian"."""
        machine = MACHINES.get(self.machine, f"machine {self.machine}")
        return f"{machine}, {self.bits} bits, {self.order}-endian"

    def runs_on(self, other: "Elf") -> bool:
        """Return whether both are for the same kind of machine."""
        return (self.bits, self.order, self.machine) == (other.bits, other.order, other.machine)


class _Segment(msgspec.Struct, frozen=True):
    kind: int
    offset: int
    address: int
    size: int


class _Reader:
    """Reads a file's integers, by its own width and byte order."""

    def __init__(self, read: Read) -> None:
        ident = read(0, 16)
        if ident[:4] != MAGIC:
            raise ElfError("not an ELF file")
        if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in (1, 2):  # noqa: PLR2004  # e_ident's length, ELFCLASS and ELFDATA
            raise ElfError("its ELF header is damaged")
        self._read = read
        self.bits = 32 * ident[4]
        self.order = "little" if ident[5] == 1 else "big"

    def fields(self, shape: str, offset: int) -> tuple[int, ...]:
        """Return the integers at an offset. H is 2 bytes, I 4, N an address's width."""
        wide = shape.replace("N", "I" if self.bits == 32 else "Q")  # noqa: PLR2004  # a class of ELF
        form = struct.Struct(("<" if self.order == "little" else ">") + wide)
        data = self._read(offset, form.size)
        if len(data) < form.size:
            raise ElfError(f"it is cut off: {form.size} bytes are missing at byte {offset}")
        return form.unpack(data)

    def text(self, offset: int) -> str:
        """Return the text at an offset, which ends with a NUL."""
        data, end, _ = self._read(offset, MAX_TEXT).partition(b"\0")
        if not end:
            raise ElfError(f"a name at byte {offset} has no end")
        return data.decode("utf-8", "surrogateescape")


def parse(read: Read) -> Elf:
    """Return what a file needs. Raises ElfError."""
    reader = _Reader(read)
    kind, machine, _, entry, at, _, _, _, size, count = reader.fields("HHINNNIHHH", 16)
    if count > MAX_SEGMENTS:
        raise ElfError(f"it has {count} segments")
    segments = [_segment(reader, at + i * size) for i in range(count)]
    loader = next((s for s in segments if s.kind == _PT_INTERP), None)
    dynamic = next((s for s in segments if s.kind == _PT_DYNAMIC), None)
    tags = [] if dynamic is None else list(_dynamic(reader, dynamic))
    texts = next((value for tag, value in tags if tag == _DT_STRTAB), None)
    start = 0 if texts is None else _offset(segments, texts)

    def named(*wanted: int) -> tuple[str, ...]:
        return tuple(reader.text(start + value) for tag, value in tags if tag in wanted)

    return Elf(
        reader.bits,
        reader.order,
        machine,
        kind,
        "" if loader is None else reader.text(loader.offset),
        () if texts is None else named(_DT_NEEDED),
        () if texts is None else _split(named(_DT_RPATH, _DT_RUNPATH)),
        entry,
    )


def parse_file(path: Path) -> Elf:
    """Return what the file at path needs. Raises ElfError and OSError."""
    with path.open("rb", buffering=0) as file:

        def read(offset: int, size: int) -> bytes:
            try:
                file.seek(offset)
            except (OSError, OverflowError):  # further than any file is long
                return b""
            return file.read(size)

        return parse(read)


def _segment(reader: _Reader, at: int) -> _Segment:
    if reader.bits == 32:  # noqa: PLR2004  # the members of Elf32_Phdr have another order
        kind, offset, address, _, size = reader.fields("IIIII", at)
    else:
        kind, _, offset, address, _, size = reader.fields("IIQQQQ", at)
    return _Segment(kind, offset, address, size)


def _dynamic(reader: _Reader, segment: _Segment) -> Iterator[tuple[int, int]]:
    """Yield the pairs of tag and value up to DT_NULL."""
    count = min(segment.size // (reader.bits // 4), MAX_DYNAMIC)
    words = iter(reader.fields("N" * 2 * count, segment.offset))
    for tag, value in zip(words, words, strict=True):
        if not tag:
            return
        yield tag, value


def _offset(segments: list[_Segment], address: int) -> int:
    """Return the place in the file of the byte that is loaded at an address."""
    for segment in segments:
        if segment.kind == _PT_LOAD and 0 <= address - segment.address < segment.size:
            return address - segment.address + segment.offset
    raise ElfError(f"its table of names, at address {address:#x}, is in no segment")


def _split(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for path in paths for part in path.split(":") if part)
