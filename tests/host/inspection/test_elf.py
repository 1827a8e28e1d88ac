"""What an ELF file asks for, of both classes and both byte orders; any other bytes are an error."""

import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transportlab.host.inspection.elf import Elf, ElfError, parse, parse_file

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
NAMES = b"\0libone.so.1\0$ORIGIN/lib:/opt/lib\0/rpath\0"
LOADER = b"/lib/ld-test.so.1\0"
BASE = 0x10000


def made(bits: int, order: str, machine: int = 62) -> bytes:
    """A file with one loader, one needed library, a RUNPATH of two directories and an RPATH."""
    sign, wide = "<" if order == "little" else ">", "I" if bits == 32 else "Q"
    header, entry = (52, 32) if bits == 32 else (64, 56)
    names_at = header + 3 * entry
    loader_at = names_at + len(NAMES)
    dynamic_at = loader_at + len(LOADER)
    tags = [
        (5, BASE + names_at), (1, NAMES.index(b"libone")), (29, NAMES.index(b"$")),
        (15, NAMES.index(b"/rpath")), (0, 0), (1, 999),
    ]  # fmt: skip
    dynamic = b"".join(struct.pack(f"{sign}2{wide}", *tag) for tag in tags)
    size = dynamic_at + len(dynamic)
    ident = b"\x7fELF" + bytes([bits // 32, 1 if order == "little" else 2, 1]) + bytes(9)
    shape = f"{sign}HHI3{wide}I6H"
    head = struct.pack(shape, 3, machine, 1, 7, header, 0, 0, header, entry, 3, 0, 0, 0)
    segments = b""
    interp, tables = (PT_INTERP, loader_at, len(LOADER)), (PT_DYNAMIC, dynamic_at, len(dynamic))
    for kind, at, length in ((PT_LOAD, 0, size), interp, tables):
        values = (kind, at, BASE + at, 0, length, length, 4, 8)
        if bits == 64:
            values = (kind, 4, at, BASE + at, 0, length, length, 8)
        segments += struct.pack(f"{sign}8I" if bits == 32 else f"{sign}2I6Q", *values)
    return ident + head + segments + NAMES + LOADER + dynamic


def parsed(data: bytes) -> Elf:
    return parse(lambda offset, size: data[offset : offset + size])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["little", "big"])
def test_both_classes_and_byte_orders_are_read(bits: int, order: str) -> None:
    elf = parsed(made(bits, order, 183))
    assert elf == Elf(
        bits, order, 183, 3, "/lib/ld-test.so.1", ("libone.so.1",),
        ("$ORIGIN/lib", "/opt/lib", "/rpath"), 7,
    )  # fmt: skip
    assert elf.name == f"AArch64, {bits} bits, {order}-endian"


def test_files_are_for_one_machine_if_class_order_and_machine_agree() -> None:
    elf = parsed(made(64, "little"))
    assert elf.runs_on(parsed(made(64, "little")))
    for other in (made(32, "little"), made(64, "big"), made(64, "little", 183)):
        assert not elf.runs_on(parsed(other))


def test_a_machine_without_a_name_is_its_number() -> None:
    assert parsed(made(64, "little", 4321)).name == "machine 4321, 64 bits, little-endian"


def test_this_interpreter_is_read_as_its_loader_reads_it() -> None:
    elf = parse_file(Path(sys.executable))
    assert elf.name.startswith({"x86_64": "x86-64", "aarch64": "AArch64"}[os.uname().machine])
    assert elf.order == sys.byteorder
    assert elf.bits == struct.calcsize("P") * 8
    assert Path(elf.interpreter).exists()
    mapped = Path("/proc/self/maps").read_text()
    assert elf.needed
    assert all(f"/{name}" in mapped or Path(name).stem in mapped for name in elf.needed)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_file_that_is_cut_off_anywhere_is_an_error(bits: int) -> None:
    data = made(bits, "little")
    for length in range(len(data)):
        with pytest.raises(ElfError):
            parsed(data[:length])


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, b"MZ", "not an ELF file"),
        (4, b"\3", "header is damaged"),
        (5, b"\0", "header is damaged"),
        (56, struct.pack("<H", 60000), "60000 segments"),
        (32, struct.pack("<Q", 2**63), "cut off"),
        (64, struct.pack("<I", 7), "in no segment"),
    ],
)
def test_a_damaged_file_is_told(place: int, value: bytes, words: str, tmp_path: Path) -> None:
    data = bytearray(made(64, "little"))
    data[place : place + len(value)] = value
    file = tmp_path / "damaged"
    file.write_bytes(data)
    with pytest.raises(ElfError, match=words):
        parse_file(file)


def test_a_name_without_an_end_is_told() -> None:
    data = bytearray(made(64, "little"))
    interp = 64 + 56  # the second segment's header, and behind 8 bytes where its contents are
    data[interp + 8 : interp + 16] = struct.pack("<Q", len(data))
    with pytest.raises(ElfError, match="has no end"):
        parsed(bytes(data) + b"\xff" * 5000)


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_an_elf_or_an_error(data: bytes) -> None:
    for head in (b"", b"\x7fELF\2\1", b"\x7fELF\1\2"):
        with suppress(ElfError):
            assert parsed(head + data).bits in (32, 64)


@settings(max_examples=300)
@given(st.sampled_from([32, 64]), st.data())
def test_a_file_with_bytes_changed_is_an_elf_or_an_error(bits: int, data: st.DataObject) -> None:
    changed = bytearray(made(bits, "little"))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    with suppress(ElfError):
        assert parsed(bytes(changed)).bits in (32, 64)
