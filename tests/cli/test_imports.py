"""What a command imports, read from sys.modules at its end: nothing that only others need."""

import subprocess
import sys
from pathlib import Path

import pytest

MANIFEST = str(Path(__file__).resolve().parents[2] / "spec" / "manifests" / "dozen.json")

TELL = """
import atexit, sys
def tell():
    real = (name for name, module in sys.modules.items() if type(module).__name__ != "_Later")
    print("imported:", *real, file=sys.stderr)
atexit.register(tell)
sys.argv[1:] = {words}
from transportlab.__main__ import main
main()
"""

LIBRARIES = {
    "asyncio", "cffi", "google.protobuf", "grpc", "httpcore", "httpx", "jsonrpcserver",
    "matplotlib", "numpy", "pydantic", "rich",
}  # fmt: skip
SLOW = {
    "dataclasses", "difflib", "importlib.resources", "inspect", "random", "shutil", "socket",
    "subprocess", "tempfile", "typing_extensions", "zipfile",
}  # fmt: skip
"""Modules of the standard library that take a while, and others than these commands need."""

PLAN = ["plan", "--manifest", MANIFEST, "--backend", "echo", "--transport", "direct"]


def imported(*words: str) -> set[str]:
    code = TELL.format(words=list(words))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(done.stderr.splitlines()[-1].split()[1:])


def test_the_version_takes_nothing_but_the_table_of_commands() -> None:
    found = imported("--version")
    assert {name for name in found if name.startswith(("transportlab", "transports"))} == {
        "transportlab",
        "transportlab.__main__",
        "transportlab.cli",
        "transportlab.cli.commands",
        "transportlab.cli.streams",
        "transportlab.lean",
    }
    assert not found & (LIBRARIES | SLOW | {"argparse", "json", "msgspec", "pathlib", "threading"})


def test_a_plan_in_this_process_takes_no_library_and_no_module_that_starts_processes() -> None:
    found = imported(*PLAN)
    assert not found & (LIBRARIES | SLOW)
    apart = ("conformance", "evidence", "host.inspection", "host.launch", "host.trust")
    assert not [
        name for name in found if name.startswith(tuple(f"transportlab.{a}" for a in apart))
    ]
    assert "transportlab.cli.plugins" not in found


def test_a_table_that_needs_no_wrapping_takes_no_library() -> None:
    assert not imported("transports") & LIBRARIES


@pytest.mark.parametrize("words", [["--help"], ["plugins", "--help"], ["fly"]])
def test_what_names_no_command_imports_none(words: list[str]) -> None:
    code = TELL.format(words=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    found = done.stderr.splitlines()[-1].split()
    assert not {name for name in found if name.startswith("transportlab.host")}
