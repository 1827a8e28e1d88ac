"""The command as a process: streams that are closed or full, signals, bounds that have no end."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

COMMAND = str(Path(sys.executable).with_name("transportlab"))
ROOT = Path(__file__).resolve().parents[2]
MANIFEST = str(ROOT / "spec" / "manifests" / "one-job.json")
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
PLAN = f"{COMMAND} plan --handshake-timeout 60 --manifest {MANIFEST} --backend echo --transport"
SIGNALS = [
    signal.SIGTERM,
    pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
]
"""One handler takes them all: see test_interrupts.py."""

Run = Callable[..., Any]
Process = Callable[..., "subprocess.Popen[bytes]"]


def shell(line: str) -> "subprocess.CompletedProcess[str]":
    # Whoever runs the tests may have Python's output unbuffered, which most have not.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["/bin/sh", "-c", line], env=env, capture_output=True, check=False, text=True
    )


@pytest.mark.traits(isolated=True)
@pytest.mark.parametrize(
    "closed",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("<&-", ">&-", "2>&-")),
        "<&- >&- 2>&-",
    ],
)
def test_streams_that_are_closed_are_in_nobodys_way(transport: str, closed: str) -> None:
    done = shell(f"{PLAN} {transport} {closed}")
    if ">&-" in closed.replace("2>&-", ""):  # a plan that nobody can see is no success
        assert done.returncode == 1
        assert done.stderr == ("" if "2>&-" in closed else "error: stdout is closed\n")
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert "Plan: " in done.stdout


def test_a_reader_that_has_enough_is_told_nothing() -> None:
    done = shell(f"{{ {COMMAND} plugins list; echo $? >&2; }} | true")
    assert done.stderr in {"0\n", "1\n"}  # 0: it was done before the reader ended


@pytest.mark.parametrize("more", ["", "--json", "--json --backend-config no=such"])
def test_a_full_stdout_is_an_error(more: str) -> None:
    done = shell(f"{PLAN} {PROCESS[0]} {more} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.endswith("error: stdout cannot be written: no space left on device\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["--version", "--help", "plan --help", "plugins list"])
def test_what_needs_no_session_is_an_error_on_a_full_stdout_too(words: str) -> None:
    done = shell(f"{COMMAND} {words} > /dev/full")
    told = "error: stdout cannot be written: no space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_has_its_status_also_while_nobody_reads_what_is_printed(
    number: signal.Signals, tmp_path: Path, process: Process
) -> None:
    for name in range(1000):  # more than a pipe holds
        (tmp_path / f"cronix-backend-n{name}").touch()
    running = process("plugins", "list", CRONIX_PLUGIN_DIR=str(tmp_path))
    assert running.stdout is not None
    assert running.stdout.read(1)
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (128 + number, b"")


def test_json_does_nothing_to_a_terminal_either(run: Run) -> None:
    # The fault's message has a line separator in it.
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", PROCESS[0]]
    done = run("plan", *options, "--json", "--backend-config", "faults=Plan=error:NOT_FOUND")
    assert done.out.removesuffix("\n").isprintable()
    assert "\u2028" in done.json["error"]["message"]


def test_a_plugin_whose_name_is_no_unicode_is_told_in_json_too(tmp_path: Path, run: Run) -> None:
    path = os.fsencode(tmp_path / "cronix-backend-") + b"\xff"
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho gone >&2; exit 3\n")
    os.chmod(path, 0o755)
    words = ["read", "--manifest", MANIFEST, "--transport", PROCESS[0], "--json", "--log"]
    done = run(*words, "--backend", os.fsdecode(path))
    assert done.json["error"]["details"]["path"] == os.fsdecode(path)
    assert json.loads(done.err.splitlines()[0])["message"] == "gone"
    assert done.code == 1


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = f"{COMMAND} read --manifest {MANIFEST} --transport {PROCESS[0]} --backend"
    for words in (f"{command} ./cronix-backend-x", f"CRONIX_PLUGIN_DIR=here {command} x"):
        gone.mkdir()
        done = shell(f"cd {gone} && rmdir {gone} && {words}")
        assert done.returncode == 1
        assert "the working directory" in done.stderr
        assert "has been removed" in done.stderr


@pytest.mark.traits(isolated=True)
def test_bounds_without_an_end_are_bounds(transport: str, run: Run) -> None:
    options = ["--manifest", MANIFEST, "--backend", "echo", "--transport", transport]
    done = run("plan", *options, "--timeout", "inf", "--handshake-timeout", "inf")
    assert (done.code, done.err) == (0, "")


STUBBORN = """#!{python}
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(2, b"%d\\n" % os.getpid())
time.sleep(600)
"""


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_command_and_its_plugin_however_often_it_comes(
    number: signal.Signals, tmp_path: Path, process: Process
) -> None:
    path = tmp_path / "cronix-backend-stubborn"
    path.write_text(STUBBORN.format(python=sys.executable))
    path.chmod(0o755)
    words = ["read", "--manifest", MANIFEST, "--backend", str(path), "--transport", PROCESS[0]]
    running = process(*words, "--log", TMPDIR=str(tmp_path))
    assert running.stderr is not None
    plugin = int(running.stderr.readline().split()[-1])
    running.send_signal(number)
    running.send_signal(number)
    _, told = running.communicate(timeout=60)
    assert (running.returncode, told) == (
        128 + number,
        b"interrupted; the plugin has been stopped\n",
    )
    assert not Path(f"/proc/{plugin}").exists()
    assert os.listdir(tmp_path) == [path.name]


SLOW = """#!{python}
import os, time
from msgspec.structs import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

class Slow:
    def __init__(self, inner):
        self.inner = inner
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def apply(self, request, context):
        os.write(2, b"begun\\n")
        context.wait(60)
        yield from self.inner.apply(request, context)

create = PLUGIN.create
run(replace(PLUGIN, create=lambda config: Slow(create(config))))
"""


@pytest.mark.traits(isolated=True)
def test_an_interrupted_apply_tells_how_far_it_came(
    transport: str, tmp_path: Path, process: Process
) -> None:
    path = tmp_path / "cronix-backend-slow"
    path.write_text(SLOW.format(python=sys.executable))
    path.chmod(0o755)
    words = ["--manifest", MANIFEST, "--backend", str(path), "--transport", transport, "--json"]
    running = process("apply", *words, "--log")
    assert running.stderr is not None
    while b"begun" not in (line := running.stderr.readline()):
        assert line
    running.send_signal(signal.SIGTERM)
    out, told = running.communicate(timeout=60)
    assert running.returncode == 143
    assert json.loads(out)["error"]["apply"]["unreported"]
    assert b"interrupted; the plugin has been stopped" in told


LINGERING = """#!{python}
import atexit, os, time
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

def linger():
    os.write(2, b"%d\\n" % os.getpid())
    time.sleep(600)

atexit.register(linger)
run(PLUGIN)
"""


def signalled_in_the_stop(
    tmp_path: Path, process: Process, *more: str
) -> "subprocess.CompletedProcess[bytes]":
    """A read whose plugin does not end, and SIGTERM when it is to."""
    path = tmp_path / "cronix-backend-lingering"
    path.write_text(LINGERING.format(python=sys.executable))
    path.chmod(0o755)
    words = ["read", "--manifest", MANIFEST, "--backend", str(path), "--transport", PROCESS[0]]
    running = process(*words, "--log", *more)
    assert running.stderr is not None
    while not (said := running.stderr.readline().split()[-1]).isdigit():
        pass
    running.send_signal(signal.SIGTERM)
    out, told = running.communicate(timeout=60)
    assert not Path(f"/proc/{int(said)}").exists()
    return subprocess.CompletedProcess(words, running.returncode, out, told)


@pytest.mark.usefixtures("heeded_signals")
def test_a_signal_during_the_stop_does_not_keep_it_from_its_end(
    tmp_path: Path, process: Process
) -> None:
    done = signalled_in_the_stop(tmp_path, process)
    assert (done.returncode, done.stderr) == (0, b"")  # all that was asked for is done


@pytest.mark.usefixtures("heeded_signals")
def test_a_signal_does_not_hide_the_error_that_came_before_it(
    tmp_path: Path, process: Process
) -> None:
    done = signalled_in_the_stop(
        tmp_path, process, "--backend-config", "faults=Read=error:NOT_FOUND"
    )
    assert done.returncode == 143
    assert b"error: NOT_FOUND" in done.stderr
    assert done.stderr.endswith(b"interrupted; the plugin has been stopped\n")


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_command_is_still_imported_shows_no_traceback(
    number: signal.Signals, tmp_path: Path
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["transportlab"] == "transportlab.__main__:main"
    code = f"import os, time; os.kill(os.getpid(), {number}); time.sleep(60)"
    (tmp_path / "argparse.py").write_text(code)
    command = [sys.executable, "-m", "transportlab"]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (-number, "")


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_a_command_has_begun_is_told_by_its_own_status(
    number: signal.Signals, tmp_path: Path
) -> None:
    code = f"""
import os, sys
from transportlab.cli import main, parser, transports
def early():
    os.kill(os.getpid(), {number})
transports.transports = parser.Command(early, [])
sys.argv = ["transportlab", "transports"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


def test_how_a_plugin_has_ended_is_told_whatever_has_become_of_sigchld(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-brief"
    path.write_text("#!/bin/sh\nexit 3\n")
    path.chmod(0o755)
    ignoring = """import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])"""
    command = [COMMAND, "read", "--manifest", MANIFEST, "--backend", str(path), "--transport"]
    done = subprocess.run(
        [sys.executable, "-c", ignoring, *command, PROCESS[0]],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    assert "ended with exit status 3" in done.stderr


@pytest.mark.parametrize("option", ["--csv", "--markdown"])
def test_a_file_on_a_full_disk_is_told_by_its_name(option: str) -> None:
    one, *_, other = sorted((ROOT / "evidence" / "runs").glob("*.json.gz"))
    done = shell(f"{COMMAND} compare {one} {other} {option} /dev/full")
    told = "error: /dev/full: no space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)
