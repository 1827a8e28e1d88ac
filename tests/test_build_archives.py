"""The reference plugins as one file each: the same bytes each time, and nothing from outside."""

import hashlib
import os
import re
import runpy
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from transportlab import model
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend
from transportlab.host.inspection.pin import left_out
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, transport_names

BUILDER = Path(__file__).resolve().parents[1] / "plugins" / "build_archives.py"
BUILT = runpy.run_path(str(BUILDER))
TRANSPORT, CODEC = BUILT["TRANSPORT"], BUILT["CODEC"]
LOADED = re.compile(r"(?:code object from|loaded from) '([^']+)'|^# (\S+) matches ", re.M)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both archives, built by the command."""
    place = tmp_path_factory.mktemp("archives")
    build(place)
    return place


def build(place: Path, **environment: str) -> str:
    command = [sys.executable, str(BUILDER), str(place)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout


def pins(path: Path) -> dict[str, PluginPin]:
    name = path.name.removeprefix("cronix-backend-")
    return {name: PluginPin((hashlib.sha256(path.read_bytes()).hexdigest(),))}


def test_building_again_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert build(folder).count("already there") == 2
    for seed in ("1", "2"):
        assert build(tmp_path / seed, PYTHONHASHSEED=seed).count("built") == 2
        for path in folder.iterdir():
            assert (tmp_path / seed / path.name).read_bytes() == path.read_bytes()
    changed = folder / "cronix-backend-echo"
    data = changed.read_bytes()
    changed.write_bytes(data + b"x")
    assert build(folder).count("built") == 1
    assert changed.read_bytes() == data
    assert sorted(path.name for path in folder.iterdir()) == [
        "cronix-backend-crontab", "cronix-backend-echo",
    ]  # fmt: skip


def test_an_archive_holds_nothing_that_only_a_host_needs(folder: Path) -> None:
    for path in folder.iterdir():
        names = [name.split("/") for name in zipfile.ZipFile(path).namelist()]
        packages = {name[1] for name in names if name[0] == "transportlab" and len(name) > 2}
        assert packages == {"backends", "codecs", "sdk", "store"}
        modules = {
            name[-1].removesuffix(".py") for name in names if name[:2] == ["transports", "http"]
        }
        assert modules.isdisjoint({"client", "derive", "floor", "raw", "scripted"})
        assert ["transportlab", "raw.py"] not in names
        assert {name[1] for name in names if name[0] == "transports"} == {"__init__.py", TRANSPORT}
        files = {name[-1] for name in names if name[0] in ("transportlab", "transports")}
        assert not files & {"client.py", "derive.py", "floor.py", "remote.py", "schema.py"}


def test_a_pinned_archive_serves(folder: Path) -> None:
    path = folder / "cronix-backend-echo"
    with open_backend(str(path), TRANSPORT, HostOptions(CODEC, pins=pins(path))) as session:
        assert session.info.plugin_name == "echo"
        assert session.backend.read(model.ReadRequest(), Context()) == model.ReadReply()
        assert session.process is not None
        maps = Path(f"/proc/{session.process.pid}/maps").read_text().split()
    site = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    assert [word for word in maps if word.startswith(tuple(site))] == []


def test_an_archive_loads_python_from_itself_and_the_standard_library_alone(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "transportlab").mkdir()
    (tmp_path / "transportlab" / "__init__.py").write_text("raise SystemExit('from outside')")
    path = folder / "cronix-backend-echo"
    interpreter, flags = path.read_bytes().partition(b"\n")[0].decode()[2:].split()
    socket = Path(os.environ.get("TMPDIR", "/tmp"), f"tl-archive-{os.getpid()}")
    done = subprocess.run(
        [interpreter, flags + "v", str(path)],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(tmp_path),
            "CRONIX_PLUGIN_TRANSPORT": TRANSPORT,
            "CRONIX_PLUGIN_SOCKET": str(socket),
        },
        input="0" * 64 + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("CRONIX-PLUGIN-V1 "), done.stderr
    assert done.returncode == 0
    files = {a or b for a, b in LOADED.findall(done.stderr)}
    assert len(files) > 50
    own = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), str(path))
    files.remove("/proc/self/fd/3")  # the compiled module, which came out of the archive
    assert {file for file in files if not file.startswith(own) or "site-packages" in file} == set()


OTHERS = [
    (name, codec)
    for name in transport_names()
    if (traits := load_transport(name).traits).killable
    for codec in traits.codecs
    if (name, codec) != (TRANSPORT, CODEC)
]


@pytest.mark.parametrize(("name", "codec"), OTHERS)
def test_an_archive_says_what_it_has_where_something_else_is_wanted(
    folder: Path, name: str, codec: str
) -> None:
    with pytest.raises(PluginError) as caught:
        open_backend(str(folder / "cronix-backend-echo"), name, HostOptions(codec))
    assert caught.value.code == "E-EXITED"
    assert f"use --transport {TRANSPORT} --codec {CODEC}" in " ".join(caught.value.stderr)


def test_what_the_sum_of_an_archive_leaves_out_is_its_interpreter(folder: Path) -> None:
    assert left_out(folder / "cronix-backend-echo").startswith("its interpreter (/")
    assert "from outside this archive" in left_out(folder / "cronix-backend-echo")
