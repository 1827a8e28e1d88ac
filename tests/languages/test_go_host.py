"""The host in Go: its own checks and tests, its generated code, and plugins that it calls."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.languages.conftest import PLUGINS, make

pytestmark = [
    pytest.mark.languages,
    pytest.mark.skipif(shutil.which("go") is None, reason="not run: no go"),
    pytest.mark.timeout(1200),
]

ROOT = PLUGINS.parent
GO = ROOT / "hosts" / "go"
HOST = GO / "build" / "cronix-host"
GENERATED = Path("backendv1", "backend.pb.go")
MANIFEST = ROOT / "spec" / "manifests" / "dozen.json"
ECHO = Path(sys.executable).with_name("cronix-backend-echo")
CRONTAB = ECHO.with_name("cronix-backend-crontab")


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    make(GO, "build")


def host(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(HOST), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_it_is_formatted_and_vetted() -> None:
    make(GO, "check")


def test_its_own_tests_pass() -> None:
    subprocess.run(["go", "test", "./..."], cwd=GO, capture_output=True, check=True)


@pytest.mark.usefixtures("c_plugin")
def test_its_own_tests_pass_with_a_library_and_watched_for_races() -> None:
    make(GO, "race")


def test_its_messages_are_those_of_the_contract(tmp_path: Path) -> None:
    make(GO, "generate", f"PROTOC={sys.executable} -m grpc_tools.protoc", f"GENERATED={tmp_path}")
    assert (tmp_path / GENERATED.name).read_text() == (GO / GENERATED).read_text()


@pytest.mark.parametrize(
    "way", ["grpc/protobuf", "grpc/json", "http/json", "http/protobuf", "jsonrpc/json"]
)
def test_every_operation_does_and_prints_what_the_labs_does(way: str, tmp_path: Path) -> None:
    """One command after the other, on a crontab of each host's own."""
    lab = Path(sys.executable).with_name("transportlab")
    transport, codec = way.split("/")
    spec = ROOT / "spec"
    whole = way == "grpc/protobuf"
    for state in ("mixed", "empty", "hand-edited") if whole else ("mixed",):
        tables = [tmp_path / f"{state}-{host}" for host in ("lab", "go")]
        for verb in (
            ["plan"],
            ["plan", "--detailed-exitcode"],
            ["read"],
            ["drift", "--exit-on-drift"],
            ["adopt", "--dry-run"],
            ["adopt"],
            ["apply", "--strict"],
            ["apply"],
            ["apply"],
            ["drift", "--exit-on-drift"],
            ["verify-ownership"],
            ["prune", "--dry-run"],
            ["prune"],
        ):
            for form in ([], ["--json"]) if whole else (["--json"],):
                told = []
                for command, table in zip((lab, HOST), tables, strict=True):
                    if not table.exists():
                        table.write_bytes((spec / "crontabs" / state).read_bytes())
                    done = subprocess.run(
                        [
                            *(str(command), *verb, *form),
                            *("--manifest", str(spec / "manifests" / "one-job.json")),
                            *("--backend", str(CRONTAB), "--transport", transport),
                            *("--codec", codec, "--backend-config", f"path={table}"),
                        ],
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    texts = (done.stdout + done.stderr).replace(str(table), "TABLE")
                    told.append((done.returncode, texts, table.read_bytes()))
                assert told[0] == told[1], (verb, form)


@pytest.mark.parametrize("transport", ["grpc", "http", "jsonrpc"])
def test_bench_prints_what_its_schema_says(transport: str) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", transport]
    done = host("bench", *target, "--runs", "2", "--calls", "3")
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    schema = json.loads((ROOT / "spec" / "bench.schema.json").read_text())
    for sample in samples:
        jsonschema.validate(sample, schema)
    assert [len(sample["calls"]) for sample in samples] == [3, 3]
    assert {*samples[0]["plugin-cpus"]} == os.sched_getaffinity(0)
    cpu = max(os.sched_getaffinity(0))
    options = ["--runs", "1", "--plugin-cpus", "1023", "--plugin-cpus", str(cpu)]  # the last counts
    (moved,) = host("bench", *target, *options).stdout.splitlines()
    assert json.loads(moved)["plugin-cpus"] == [cpu]


@pytest.mark.parametrize(
    ("cpus", "told"),
    [
        ("1,x", 'got "1,x"'),
        ("-1", 'got "-1"'),
        ("4096", 'got "4096"'),
        ("1023", "invalid argument"),
        ("0,1023", "invalid argument"),
    ],
)
def test_cpus_that_the_machine_has_not_are_refused(cpus: str, told: str) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", "jsonrpc"]
    done = host("bench", *target, "--plugin-cpus", cpus)
    assert done.returncode == 2
    assert "--plugin-cpus" in done.stderr
    assert told in done.stderr


def test_it_runs_what_is_pinned_and_nothing_else(tmp_path: Path) -> None:
    """A script runs from a copy, a program from memory: the plugin in Go is the latter."""
    manifest = json.loads(MANIFEST.read_text())
    for name, file in (("echo", ECHO), ("crontab", CRONTAB)):
        done = host("plugins", "pin", str(file))
        lab = subprocess.run(
            [str(ECHO.with_name("transportlab")), "plugins", "pin", str(file)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == (lab.stdout, lab.stderr)
        pinned = tmp_path / f"{name}.json"
        pinned.write_text(json.dumps(manifest | json.loads(done.stdout)))
    arguments = ["--transport", "grpc", "--manifest", str(tmp_path / "echo.json")]
    assert host("read", *arguments, "--backend", str(ECHO)).returncode == 0
    refused = host("read", *arguments, "--backend", str(CRONTAB))
    assert (refused.returncode, "E-NOT-PINNED" in refused.stderr) == (1, True)
    changed = tmp_path / ECHO.name
    changed.write_bytes(ECHO.read_bytes() + b"\n")
    changed.chmod(0o700)
    refused = host("read", *arguments, "--backend", str(changed))
    assert (refused.returncode, "E-PIN-MISMATCH" in refused.stderr) == (1, True)


def test_its_errors_have_the_labs_codes_and_exit_status() -> None:
    echo = ["--backend", str(ECHO), "--transport", "grpc"]
    manifest = ["--manifest", str(MANIFEST)]
    for arguments, status, problem in (
        ([*manifest, "--backend", "./none", "--transport", "grpc"], 1, "E-NOT-FOUND"),
        ([*manifest, "--backend", "None", "--transport", "grpc"], 1, "E-BAD-NAME"),
        ([*manifest, "--backend", "/dev/null", "--transport", "grpc"], 1, "E-NOT-A-FILE"),
        ([*manifest, *echo[:-1], "smoke"], 2, "smoke"),
        ([*manifest, *echo, "--codec", "smoke"], 2, "smoke"),
        ([*manifest, *echo, "--backend-config", "nothing=1"], 1, "UNKNOWN_CONFIG"),
        (["--manifest", "none.json", *echo], 1, "none.json"),
        ([], 2, "required"),
    ):
        done = host("read", *arguments, "--json")
        assert done.returncode == status, done.stderr
        assert problem in done.stderr + done.stdout


@pytest.mark.parametrize(("verb", "method"), [("read", "Read"), ("prune", "Prune")])
def test_only_a_call_that_writes_may_have_been_carried_out_unheard(verb: str, method: str) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", "jsonrpc"]
    done = host(verb, *target, "--backend-config", f"faults={method}=exit:3")
    assert "E-CALL" in done.stderr
    assert ("read, then plan again" in done.stderr) is (verb == "prune")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
@pytest.mark.parametrize("option", ["--manifest", "--backend-config-file", "--backend"])
def test_a_signal_ends_each_wait(option: str, number: signal.Signals, tmp_path: Path) -> None:
    """For the writer of a pipe, or for a plugin, which is ended too."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    plugin = tmp_path / "cronix-backend-slow"
    plugin.write_text(f"#!/bin/sh\necho $$ > {pipe}\nexec sleep 600\n")
    plugin.chmod(0o700)
    command = [str(HOST), "read", "--transport", "jsonrpc", "--handshake-timeout", "600"]
    if option == "--manifest":
        command += ["--manifest", str(pipe), "--backend", str(ECHO)]
    else:
        command += ["--manifest", str(MANIFEST), "--backend", str(plugin)]
    if option == "--backend-config-file":
        command += [option, f"word={pipe}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        if option == "--backend":
            waits = int(pipe.read_text())
        else:
            writer = os.open(pipe, os.O_WRONLY)  # returns once it is open for reading
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (
        128 + number,
        "interrupted; the plugin has been stopped\n",
    )
    if option == "--backend":
        with pytest.raises(ProcessLookupError):
            os.kill(waits, 0)
    else:
        os.close(writer)


@pytest.mark.parametrize("words", [["--help"], ["read", "--help"], ["plugins", "list"], ["plan"]])
def test_output_that_fails_is_an_error(words: list[str]) -> None:
    done = with_full_output(*words)
    assert done.returncode == 1
    assert done.stderr == "error: stdout cannot be written: no space left on device\n"


@pytest.mark.parametrize("verb", ["apply", "prune"])
def test_a_command_that_has_written_says_so_if_its_output_fails(verb: str, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_bytes((ROOT / "spec" / "crontabs" / "mixed").read_bytes())
    done = with_full_output(verb, backend=CRONTAB, path=table)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the {verb} is done: ")
    assert done.stderr.endswith("stdout cannot be written: no space left on device\n")


def with_full_output(
    *words: str, backend: Path = ECHO, path: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    command = [str(HOST), *words]
    if len(words) == 1 and words[0] != "--help":
        command += ["--manifest", str(MANIFEST), "--backend", str(backend)]
        command += ["--transport", "jsonrpc"]
    if path:
        command += ["--backend-config", f"path={path}"]
    with Path("/dev/full").open("w") as full:
        return subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize("options", [["--runs", "0"], ["--calls", "-1"]])
def test_bench_refuses_fewer_than_one_run_or_no_calls(options: list[str]) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(ECHO), "--transport", "jsonrpc"]
    done = host("bench", *target, *options)
    assert (done.returncode, done.stdout) == (2, "")


def test_help_shows_options_as_they_are_written() -> None:
    told = host("bench", "--help").stdout
    assert "  --backend NAME\n" in told
    assert "(10 by default)" in told
    assert "no such option: --smoke\n" in host("bench", "--smoke").stderr


def test_a_plugin_that_others_can_write_is_told_with_its_mode(tmp_path: Path) -> None:
    plugin = tmp_path / ECHO.name
    shutil.copyfile(ECHO, plugin)
    plugin.chmod(0o777)
    target = ["--manifest", str(MANIFEST), "--backend", str(plugin), "--transport", "grpc"]
    assert "got one that is writable by everybody (mode 0777)\n" in host("read", *target).stderr


def test_a_pinned_plugin_that_is_missing_is_named_as_a_program(tmp_path: Path) -> None:
    manifest = json.loads(MANIFEST.read_text()) | {"plugins": {"nowhere": {"sha256": "0" * 64}}}
    pinned = tmp_path / "pinned.json"
    pinned.write_text(json.dumps(manifest))
    done = host("plugins", "verify", "--manifest", str(pinned))
    assert done.returncode == 1
    assert "E-NOT-FOUND: no file cronix-backend-nowhere in " in done.stdout


def test_ffi_needs_cgo(c_plugin: Path) -> None:
    target = ["--manifest", str(MANIFEST), "--backend", str(c_plugin), "--transport", "ffi"]
    done = host("read", *target, "--json")
    assert done.returncode == 1
    assert "built without cgo" in done.stderr
    make(GO, "ffi")
    command = [f"{HOST}-ffi", "read", *target, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["entries"] == []


def test_it_keeps_to_every_vector_of_hosts() -> None:
    command = f"{HOST} {{verb}} --manifest {{manifest}} --backend {{backend}}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "transportlab", "conformance", "host", "--command"),
            f"{command} --transport {{transport}} {{options}}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK: " in done.stdout
