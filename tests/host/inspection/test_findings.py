"""What a file is told to be by its first bytes, and what a mount allows: the start agrees."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.host.inspection.findings import Check

Put = Callable[..., Path]
Failing = Callable[..., dict[str, Check]]

FORMATS = [
    (b"", "an empty file"),
    (b"MZ\x90\0", "a Windows program"),
    (b"\xcf\xfa\xed\xfe\7", "a macOS program"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"PK\3\4", "a zip archive"),
    (b"<!DOCTYPE html>", "a page of HTML"),
    (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
    (b"\n#!/bin/sh\n", "not its first two bytes"),
    (b"echo hello\n", "neither an ELF file nor a script with #!: it begins with b'echo hello\\n'"),
]


@pytest.mark.parametrize(("data", "words"), FORMATS, ids=[words for _, words in FORMATS])
def test_what_is_neither_program_nor_script_is_named(
    put: Put, failing: Failing, data: bytes, words: str
) -> None:
    assert words in failing(put(data), "format", "start")["format"].found


MOUNTED = """
mount -t tmpfs -o mode=755 tmpfs "$1" && cp "$3" "$1/cronix-backend-on" && cp /bin/sh "$1/sh" &&
mount -o remount,bind,noexec "$1" && exec "$2" -c "$4" "$1/cronix-backend-on" "$3"
"""
SHOWN = """
import sys
from transportlab.host.inspection.diagnose import diagnose
for path in sys.argv[1:]:
    found = diagnose(path)
    start = next(check.found for check in found.checks if check.name == "start")
    print(found.cause.found, start.partition(":")[0], dict(found.refused), sep=" | ")
"""


def test_a_mount_that_lets_nothing_run_is_told_of_plugin_and_interpreter(
    put: Put, tmp_path: Path
) -> None:
    wanted = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*wanted, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not run: this machine gives no mount namespace")
    (place := tmp_path / "mount").mkdir()
    script = put(f"#!{place}/sh\n")
    words = ["sh", "-c", MOUNTED, "sh", str(place), sys.executable, str(script), SHOWN]
    done = subprocess.run([*wanted, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{place} is mounted noexec: nothing on it may run | E-NOEXEC | {{}}",
        f"{place}/sh is on a file system mounted noexec | E-START | {{}}",
    ]
