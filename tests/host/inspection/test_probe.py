"""A library is asked for its line in a process of its own, by a module that is run as a program."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def probe(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-P", "-m", "transportlab.host.inspection.probe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_wrong_use_and_a_file_that_is_no_library_are_told(tmp_path: Path) -> None:
    for arguments, words in (
        ((), "usage"),
        ((tmp_path / "no.so",), "it is not a plugin's library"),
    ):
        done = probe(*map(str, arguments))
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr


C = """
#include <stdio.h>
#include <stdlib.h>
const char *cronix_plugin_handshake(void) { puts("noise"); fflush(stdout); return %s; }
"""


@pytest.mark.parametrize(
    ("value", "out", "err"),
    [
        ('"CRONIX-PLUGIN-V1 library version=9"', "CRONIX-PLUGIN-V1 library version=9\n", "noise\n"),
        ("NULL", "", "noise\nit gave no handshake line\n"),
    ],
)
def test_the_line_is_all_that_is_written_whatever_the_library_prints(
    compiled: Callable[..., Path], value: str, out: str, err: str
) -> None:
    done = probe(str(compiled("one.so", C % value, "-shared", "-fPIC")))
    assert (done.stdout, done.stderr) == (out, err)
