"""`transportlab plugins pin` and `verify`, and the operations of a manifest with pins."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

SPEC = Path(__file__).resolve().parents[2] / "spec"
STDIO, LIBRARY, IN_PROCESS = (
    transport_names(kind)[0]
    for kind in (EndpointKind.STDIO, EndpointKind.LIBRARY, EndpointKind.OBJECT)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of plugins: one program, one library, and one name that is both."""
    place = tmp_path / "plugins"
    place.mkdir(mode=0o755)
    for file in ("one", "two.so", "both", "both.so"):
        path = place / f"cronix-backend-{file}"
        path.write_text(f"#!/bin/sh\n: {file}\n")
        path.chmod(0o755)
    return place


Run = Callable[..., Any]


@pytest.fixture
def run(run: Run, folder: Path) -> Run:
    """run(argument, ...) runs the command, which looks for plugins in the folder first."""

    def command(*arguments: str, place: Path = folder) -> Any:
        return run(*arguments, CRONIX_PLUGIN_DIR=str(place))

    return command


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[object], str]:
    """Write a manifest with this plugins block; gives its path."""

    def write(block: object) -> str:
        document = json.loads((SPEC / "manifests" / "one-job.json").read_bytes())
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(document | {"plugins": block}))
        return str(path)

    return write


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pins(done: Any) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)["plugins"]


def states(done: Any) -> list[list[str]]:
    return [line.split()[:3] for line in done.out.splitlines()]


def test_pin_prints_the_block_with_the_sum_of_the_plugins_file(run: Run, folder: Path) -> None:
    one = folder / "cronix-backend-one"
    done = run("plugins", "pin", "one")
    assert pins(done) == {"one": {"sha256": digest(one)}}
    assert f"{one}: not in the sum: its interpreter (/bin/sh), and all that it imports" in done.err
    assert pins(run("plugins", "pin", str(one))) == {"one": {"sha256": digest(one)}}


def test_pin_takes_the_program_and_the_library_of_a_name_unless_told_which(
    run: Run, folder: Path
) -> None:
    program, library = (digest(folder / f"cronix-backend-both{end}") for end in ("", ".so"))
    assert pins(run("plugins", "pin", "both")) == {"both": {"sha256": [program, library]}}
    for transport, wanted in ((STDIO, program), (LIBRARY, library)):
        done = run("plugins", "pin", "both", "--transport", transport)
        assert pins(done) == {"both": {"sha256": wanted}}
    assert pins(run("plugins", "pin", str(folder / "cronix-backend-both.so"))) == {
        "both": {"sha256": library}
    }


def test_several_plugins_are_one_block(run: Run) -> None:
    assert list(pins(run("plugins", "pin", "one", "two", "both"))) == ["one", "two", "both"]


def test_pin_refuses_what_a_host_would_refuse(run: Run, folder: Path) -> None:
    (folder / "cronix-backend-one").chmod(0o757)
    done = run("plugins", "pin", "one")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: E-WRITABLE-BY-OTHERS: ")
    done = run("plugins", "pin", "none-such")
    assert done.code == 1
    assert done.err.startswith("error: E-NOT-FOUND: ")
    done = run("plugins", "pin", "one", "--transport", IN_PROCESS)
    assert done.code == 2


def test_pin_prints_nothing_that_no_manifest_can_hold(run: Run, folder: Path) -> None:
    path = folder / "cronix-backend-one"
    odd = path.rename(folder / "cronix-backend-One_2")
    done = run("plugins", "pin", str(odd))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f'error: E-BAD-NAME: backend "One_2" ({odd}): ')
    assert done.err.endswith("rename the file\n")


def test_verify_is_content_with_what_pin_has_printed(
    run: Run, manifest: Callable[[object], str]
) -> None:
    path = manifest(pins(run("plugins", "pin", "one", "both")))
    done = run("plugins", "verify", "--manifest", path)
    assert done.code == 0
    assert [row[:2] for row in states(done)] == [["ok", "both"], ["ok", "both"], ["ok", "one"]]
    assert done.out.count("not in the sum: its interpreter") == 3


def test_verify_tells_each_pin_that_is_not_ok(
    run: Run, folder: Path, manifest: Callable[[object], str]
) -> None:
    block = pins(run("plugins", "pin", "one", "both")) | {"gone": {"sha256": "0" * 64}}
    path = manifest(block)
    library = folder / "cronix-backend-both.so"
    library.write_text("changed")
    (folder / "cronix-backend-one").chmod(0o757)
    done = run("plugins", "verify", "--manifest", path)
    assert done.code == 1
    assert [row[:2] for row in states(done)] == [
        ["ok", "both"], ["mismatch", "both"], ["missing", "gone"], ["refused", "one"],
    ]  # fmt: skip
    assert f"{library}  {digest(library)}" in done.out
    assert "E-WRITABLE-BY-OTHERS" in done.out
    assert run("plugins", "verify", "--manifest", path, "--transport", LIBRARY).code == 1


def test_a_plugin_that_could_not_run_is_not_verified(
    run: Run, folder: Path, manifest: Callable[[object], str]
) -> None:
    path = manifest(pins(run("plugins", "pin", "one")))
    (folder / "cronix-backend-one").chmod(0o644)
    done = run("plugins", "verify", "--manifest", path)
    assert (done.code, done.out.split()[:3]) == (1, ["refused", "one", "E-NOT-EXECUTABLE:"])


def test_verify_looks_only_at_what_a_transport_would_use(
    run: Run, folder: Path, manifest: Callable[[object], str]
) -> None:
    path = manifest({"both": {"sha256": digest(folder / "cronix-backend-both")}})
    assert run("plugins", "verify", "--manifest", path).code == 1
    assert run("plugins", "verify", "--manifest", path, "--transport", STDIO).code == 0
    assert run("plugins", "verify", "--manifest", path, "--transport", LIBRARY).code == 1


def test_verify_prints_an_object_for_programs(
    run: Run, folder: Path, manifest: Callable[[object], str]
) -> None:
    one = folder / "cronix-backend-one"
    path = manifest({"one": {"sha256": digest(one)}, "gone": {"sha256": "0" * 64}})
    gone, good = json.loads(run("plugins", "verify", "--manifest", path, "--json").out)["pins"]
    assert (gone["name"], gone["state"], gone["file"]) == ("gone", "missing", None)
    assert good["state"] == "ok"
    assert (good["file"]["path"], good["file"]["sha256"]) == (str(one), digest(one))


def test_verify_prints_an_object_whatever_the_paths_are(
    run: Run, folder: Path, tmp_path: Path, manifest: Callable[[object], str]
) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    shutil.copytree(folder, odd)
    path = manifest(pins(run("plugins", "pin", "one")))
    done = run("plugins", "verify", "--manifest", path, "--json", place=odd)
    [good] = json.loads(done.out)["pins"]
    assert (done.code, good["file"]["path"]) == (0, f"{odd}/cronix-backend-one")


def test_verifying_a_manifest_without_pins_is_no_success(
    run: Run, manifest: Callable[[object], str]
) -> None:
    done = run("plugins", "verify", "--manifest", manifest({}))
    assert done.code == 2
    assert "pins no plugin" in done.err


def test_an_operation_runs_a_plugin_as_the_manifest_pins_it(
    run: Run, manifest: Callable[[object], str]
) -> None:
    def plan(block: object) -> Any:
        return run("plan", "--manifest", manifest(block), "--backend", "echo", "--transport", STDIO)

    good = pins(run("plugins", "pin", "echo", "--transport", STDIO))
    assert plan(good).code == 0
    done = plan({"ecoh": good["echo"]})
    assert done.code == 1
    assert done.err.startswith("error: E-NOT-PINNED: backend")
    [again] = re.findall(r"transportlab (plugins pin \S+), and add", done.err)
    assert pins(run(*again.split())) == good
