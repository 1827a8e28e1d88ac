"""The command line at a terminal: progress, and signals in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import children
from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

COMMAND = str(Path(sys.executable).with_name("transportlab"))
MANIFESTS = Path(__file__).resolve().parents[2] / "spec" / "manifests"
DOZEN = str(MANIFESTS / "dozen.json")
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
TRANSPORT = PROCESS[0]


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_stops_cleanly_and_the_plugin_with_it(
    transport: str, number: signal.Signals
) -> None:
    command = [COMMAND, "apply", "--manifest", DOZEN, "--backend", "echo", "--transport", transport]
    command += ["--handshake-timeout", "60"]
    faults = ["--backend-config", "faults=Apply=sleep:60", "--log"]
    running = subprocess.Popen(
        [*command, *faults], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert running.stderr is not None
    assert b"Plan" in running.stderr.readline()
    time.sleep(0.3)  # by now it applies, most of the time; the end is the same before it, too
    plugins = children(running.pid)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert b"interrupted" in err
    assert b"Traceback" not in err
    assert bool(plugins) == (transport in PROCESS)
    assert not [pid for pid in plugins if Path(f"/proc/{pid}").exists()]


def test_a_long_apply_shows_progress_on_a_terminal(tmp_path: Path) -> None:
    master, slave = os.openpty()
    command = [COMMAND, "apply", "--manifest", DOZEN, "--backend", "echo", "--transport", TRANSPORT]
    command += ["--handshake-timeout", "60"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    shown = bytearray()
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(master)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b"applying" in shown
    assert b"12/12" in shown
    assert b"Applied: 12 created" in out
