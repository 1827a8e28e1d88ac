"""The wheel is whole: installed elsewhere, every command does its work without the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from sysconfig import get_path
from typing import Any
from venv import EnvBuilder

import pytest
from packaging.requirements import Requirement

from tests.test_readme import BLOCK, COMMAND
from transportlab.channel import EndpointKind
from transportlab.data import RUNS
from transportlab.evidence.run.machine import source_digest
from transportlab.registry import load_transport, transport_names

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = transport_names(EndpointKind.LIBRARY)
OTHERS = sorted(set(transport_names()) - set(LIBRARY))
WITH_LIBRARIES = [name for name in transport_names() if load_transport(name).traits.requires]


@dataclass(frozen=True)
class Environment:
    """An environment that the wheel is installed in, and a working directory of its own."""

    folder: Path
    variables: Mapping[str, str]

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    @property
    def cwd(self) -> Path:
        return self.folder / "elsewhere"

    def run(
        self, program: str, *arguments: str, status: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.program(program), *arguments],
            cwd=self.cwd,
            env={**self.variables, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def lab(self, *arguments: str) -> str:
        """What the command prints on stdout."""
        return self.run("transportlab", *arguments).stdout

    def refused(self, *arguments: str, status: int = 2) -> str:
        """What the command prints on stderr, which is all that it prints."""
        done = self.run("transportlab", *arguments, status=status)
        assert not done.stdout
        return done.stderr

    def plan(self, transport: str) -> list[str]:
        """The arguments of a plan over a transport, on a new crontab."""
        backend = ["--backend", "crontab", "--backend-config", f"path={self.cwd / 'crontab'}"]
        options = ["--transport", transport, "--handshake-timeout", "60"]
        return ["plan", "--manifest", "one-job.json", *backend, *options]


Install = Callable[[str, Path], Environment]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of the source distribution, which therefore has what a build needs."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(built("sdist", ROOT, folder)) as archive:
        # The first releases of 3.11 have no filter; later ones warn if none is named.
        how: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(folder, **how)
    [source] = (path for path in folder.iterdir() if path.is_dir())
    return built("wheel", source, folder)


def built(target: str, source: Path, out: Path) -> Path:
    before = set(out.iterdir())
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    [made] = set(out.iterdir()) - before
    return made


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """install(name, packages): an environment with the wheel, and those packages beside it."""

    def installed(name: str, packages: Path) -> Environment:
        folder = tmp_path_factory.mktemp(name)
        EnvBuilder(symlinks=True).create(folder)
        python = folder / "bin" / "python"
        [site] = folder.glob("lib/python*/site-packages")
        # What such a file names goes onto the path; what is in that folder's own .pth files, as the
        # editable installation of this checkout, does not.
        (site / "packages.pth").write_text(f"{packages}\n")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        options = ["--no-index", "--no-deps", "--ignore-installed", "--no-compile"]
        subprocess.run([*pip, *options, str(wheel)], check=True, capture_output=True)
        environment = Environment(folder, {"PATH": os.environ["PATH"], "HOME": str(folder)})
        environment.cwd.mkdir()
        manifest = (ROOT / "spec" / "manifests" / "one-job.json").read_bytes()
        (environment.cwd / "one-job.json").write_bytes(manifest)
        return environment

    return installed


@pytest.fixture(scope="module")
def full(install: Install) -> Environment:
    """With every extra."""
    return install("full", Path(get_path("purelib")))


@pytest.mark.parametrize("name", ["a path with spaces", "a_path_of_many_letters_" * 9])
def test_the_reference_plugins_start_whatever_the_environments_path_is(
    install: Install, name: str
) -> None:
    """A first line of a script can hold neither."""
    environment = install(name, Path(get_path("purelib")))
    manifest = json.loads((environment.cwd / "one-job.json").read_text())
    pins = json.loads(environment.lab("plugins", "pin", "crontab"))
    (environment.cwd / "one-job.json").write_text(json.dumps(manifest | pins))
    for transport in OTHERS:
        assert "Plan: 1 to create" in environment.lab(*environment.plan(transport))


@pytest.fixture(scope="module")
def core(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With no extra: with what the project requires, and nothing else."""
    packages = tmp_path_factory.mktemp("packages")
    todo = list(metadata.requires("transportlab") or ())
    seen = set()
    while todo:
        requirement = Requirement(todo.pop())
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not wanted or requirement.name in seen:
            continue
        seen.add(requirement.name)
        found = metadata.distribution(requirement.name)
        for top in {file.parts[0] for file in found.files or ()} - {".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(found.locate_file(top))))
        todo += found.requires or ()
    return install("core", packages)


def test_it_has_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    kinds = {re.sub(r"-[\d.]+(\.dist-info)/.*|/.*", r"\1", name) for name in files}
    assert kinds == {
        "transportlab", "transports", "pytest_transportlab.py", "transportlab.dist-info",
    }  # fmt: skip
    data = {name.removeprefix("transportlab/_data/") for name in files if "/_data/" in name}
    kept = [path for tree in ("spec", "evidence/runs") for path in (ROOT / tree).rglob("*")]
    kept += [ROOT / "evidence" / f"{name}.json" for name in ("faults", "languages")]
    assert data == {path.relative_to(ROOT).as_posix() for path in kept if path.is_file()}
    [points] = [held.decode() for name, held in files.items() if name.endswith("entry_points.txt")]
    programs = set(re.findall(r"^(\S+) = ", points, re.MULTILINE))
    assert programs == {"cronix-backend-crontab", "cronix-backend-echo", "transportlab"}
    # A system's own Python is in /usr, which the documents name as everybody does.
    own = {str(ROOT), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
    places = [os.fsencode(place) for place in own]
    assert [name for name, held in files.items() if any(place in held for place in places)] == []


def test_the_code_is_that_of_the_checkout_which_is_not_there(full: Environment) -> None:
    code = """
import importlib.util, transportlab
from transportlab.evidence.run import machine
print(transportlab.__file__, importlib.util.find_spec("tools"), *machine.commit())
print(machine.source_digest())
"""
    where, digest = full.run("python", "-c", code).stdout.splitlines()
    assert where.startswith(str(full.folder))
    assert where.endswith("None unknown True")
    assert digest == source_digest()


@pytest.mark.parametrize("transport", OTHERS)
def test_plan(full: Environment, transport: str) -> None:
    assert full.lab(*full.plan(transport)).endswith("Plan: 1 to create; 0 unchanged.\n")


@pytest.mark.skipif(shutil.which("cc") is None, reason="not run: no C compiler")
@pytest.mark.parametrize("transport", LIBRARY)
def test_a_transport_of_libraries_says_how_to_build_them(full: Environment, transport: str) -> None:
    said = full.refused(*full.plan(transport), status=1)
    told = re.search(r"`python (-m transports\.\w+\.build)` builds it, with a C compiler$", said)
    assert told, said
    built = full.run("python", *told[1].split()).stdout
    assert built.count("built: ") == 2
    assert full.lab(*full.plan(transport)).endswith("Plan: 1 to create; 0 unchanged.\n")
    said = full.lab("conformance", "--transport", transport, "--vector", "read-empty")
    assert said.count("1 pass") == len(load_transport(transport).traits.codecs)


def test_decide(full: Environment) -> None:
    assert "What would change the winner" in full.lab("decide")


def test_conformance(full: Environment) -> None:
    vectors = ["--vector", "read-empty", "--vector", "plan-creates-what-is-missing"]
    said = full.lab("conformance", *vectors)
    assert said.splitlines()[-1] == "OK: 2 vectors"
    for transport in OTHERS:
        assert re.search(rf"^{transport}-\w+ +2 pass, 0 fail", said, re.M), said


def test_conformance_of_hosts(full: Environment) -> None:
    vectors = ["--vector", "finds-a-plugin-by-its-name", "--vector", "an-unknown-name-is-an-error"]
    said = full.lab("conformance", "host", *vectors)
    assert said.splitlines()[-1] == "OK: 2 vectors"
    for transport in OTHERS:
        if load_transport(transport).traits.isolated:
            assert re.search(rf"^{transport} +2 pass, 0 fail", said, re.M), said


PAGE = (ROOT / "docs" / "plugin-authors-afternoon.md").read_text()
INSTALLS = ("python3 -m venv ", "env/bin/pip install ")


def test_a_plugin_authors_afternoon_from_an_empty_folder(full: Environment) -> None:
    (full.cwd / "env").symlink_to(full.folder)
    shutil.copy(ROOT / "plugins" / "stdlib" / "cronix-backend-stdlib", full.cwd)
    commands = [found for block in BLOCK.findall(PAGE) for found in COMMAND.findall(block)]
    done = [command for command, _ in commands if command.startswith(INSTALLS)]
    assert len(done) == 3  # what the fixture has done
    for command, shown in commands:
        if command in done:
            continue
        said = subprocess.run(
            ["sh", "-ec", command], cwd=full.cwd, env=dict(full.variables),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stdout + said.stderr
        wanted = re.escape(shown).replace(re.escape("..."), ".*")
        assert re.fullmatch(wanted, said.stdout, re.S), said.stdout
    assert (full.cwd / "badge.svg").read_text().startswith("<svg")


def test_evidence_report_and_reproduce(full: Environment) -> None:
    said = full.lab("evidence", "--profile", "smoke", "--suite", "unary", "--out", "own.json")
    assert said == "evidence: own.json\n"
    assert full.lab("report", "own.json", "--out", ".") == "report: REPORT.md\n"
    report = (full.cwd / "REPORT.md").read_text()
    assert ", commit unknown." in report
    assert "C-RATE-JSONRPC" in report
    rows = full.run("transportlab", "reproduce", "own.json", status=3).stdout.splitlines()
    assert rows[2].split()[:1] == ["CLAIM"]
    assert re.search(r"\d+ not measured", rows[-1])


def test_the_committed_runs_come_along_and_one_reproduces_itself(full: Environment) -> None:
    run = max(RUNS.glob("*.json.gz"))
    [installed] = full.folder.glob(
        f"lib/*/site-packages/transportlab/_data/evidence/runs/{run.name}"
    )
    words = ["reproduce", str(installed), "--against", str(installed)]
    assert "reproduced" in full.lab(*words).splitlines()[-1]


def test_gate(full: Environment) -> None:
    plugin = full.program("cronix-backend-echo")
    other = shutil.copy2(plugin, full.folder / "cronix-backend-other")
    full.run("transportlab", "gate", "--plugin", plugin, "--against", plugin, status=2)
    words = ["--plugin", plugin, "--against", str(other), "--transport", "grpc"]
    wide = ["--fail-above", "100", "--pass-below", "900"]
    done = subprocess.run(
        [full.program("transportlab"), "gate", *words, *wide],
        cwd=full.cwd, env=full.variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in {0, 3}, done.stderr  # 3: this machine is busy with other tests
    assert re.match("grpc  (PASS|INCONCLUSIVE) ", done.stdout)


@pytest.mark.parametrize("transport", WITH_LIBRARIES)
def test_without_its_extra_a_transport_says_which_to_install(
    core: Environment, transport: str
) -> None:
    told = rf"not installed: [\w., ]+; pip install 'transportlab\[{transport}\]'"
    assert re.fullmatch(
        f'error: transport "{transport}": {told}\n', core.refused(*core.plan(transport))
    )
    words = ["conformance", "--transport", transport, "--vector", "read-empty"]
    assert re.search(told, core.run("transportlab", *words, status=1).stdout)


def test_without_extras_the_rest_works(core: Environment) -> None:
    assert core.lab(*core.plan("direct")).endswith("Plan: 1 to create; 0 unchanged.\n")
    assert "OK: 1 vector" in core.lab("conformance", "--vector", "read-empty")
    assert "missing" in core.lab("transports")
    core.lab("evidence", "--profile", "smoke", "--suite", "unary", "--out", "own.json")


@pytest.mark.parametrize(
    "command",
    [
        ["report", "own.json"],
        ["reproduce", "own.json"],
        ["decide"],
        ["gate", "--plugin", "echo", "--against", "echo"],
    ],
    ids=lambda command: command[0],
)
def test_without_its_extra_a_command_says_which_to_install(
    core: Environment, command: list[str]
) -> None:
    said = core.refused(*command)
    assert re.fullmatch(r"error: numpy is not installed; .*\[evidence\]'\n", said)


def test_a_library_cannot_be_built_without_its_extra(core: Environment) -> None:
    said = core.run("python", "-m", "transports.ffi.build", status=1).stderr
    assert said == "FFI: not built: no cffi; it comes with: pip install 'transportlab[ffi]'\n"
