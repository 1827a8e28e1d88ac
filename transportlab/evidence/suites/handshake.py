"""From the start of a plugin to its end, each phase apart, and what of it is imports.

cold-start is the first session of a host process, the host's own imports for the transport included
(in `connected`); next-start is the second, where they are done. imports is a bare interpreter that
imports what the plugin imports, and exits.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.evidence.run.placement import Placement
from transportlab.evidence.run.plan import Arm
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import BYTES, Sample, one, resident
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.discovery import find
from transportlab.registry import load_transport

QUESTION = "How long from the start of a plugin to its first answer, and to its end?"
UNIT = "s"

COLD, NEXT, IMPORTS = "cold-start", "next-start", "imports"

PHASES = (
    ("spawn", "begin", "started"),
    ("line", "started", "line"),
    ("connected", "line", "connected"),
    ("opened", "connected", "opened"),
    ("first-read", "opened", "read"),
    ("exit", "read", "end"),
    ("ready", "begin", "read"),
    ("total", "begin", "end"),
)
"""Metric, from which mark, to which. ready and total are sums of those above."""

_IMPORT = """
import sys
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:  # the plugin has tried it as well: sitecustomize, say
        pass
"""


def measure(run: Run) -> list[Sample]:
    """Two lives of the plugin, and its imports."""
    found = [*life(run, COLD), *life(run, NEXT)]
    if run.modules:
        seconds = spawn([sys.executable, "-c", _IMPORT, *run.modules], run.placement)
        found.append(one(IMPORTS, "total", seconds))
    return found


def life(run: Run, case: str) -> list[Sample]:
    """One plugin from start to end. Phases that the transport does not have are left out."""
    host = time.process_time()
    plugin = _children_cpu()
    memory = {}
    with run.open("echo", {}) as opened:
        opened.session.backend.read(model.ReadRequest("bench"), Context())
        opened.marks["read"] = time.monotonic()
        memory["rss-host"] = resident()
        if opened.pid is not None:
            memory["rss-plugin"] = resident(opened.pid)
        # What is looked at here is not the plugin's to wait for.
        looked = time.monotonic() - opened.marks["read"]
    marks = opened.marks | {"end": time.monotonic() - looked}
    if "line" not in marks:
        marks["line"] = marks["begin"]
    found = [
        one(case, metric, marks[end] - marks[begin])
        for metric, begin, end in PHASES
        if begin in marks and end in marks and marks[end] > marks[begin]
    ]
    found.append(one(case, "cpu-host", time.process_time() - host))
    if opened.pid is not None:
        found.append(one(case, "cpu-plugin", _children_cpu() - plugin))
    return found + [one(case, metric, size, BYTES) for metric, size in memory.items()]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def spawn(command: Sequence[str], placement: Placement) -> float:
    """Seconds from the start of a program to its end, run as a host runs a plugin."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0) as process:
        placement.pin_plugin(process.pid)
        if process.wait() != 0:
            raise RuntimeError(f"exit status {process.returncode}")
    return time.monotonic() - begin


# What the plugin of an arm imports, asked of the interpreter, for the control of imports alone.

_PREFIX = "import time:"
_COLUMNS = 3


def plugin_modules(arm: Arm, backend: str = "echo") -> tuple[str, ...]:
    """Names in the order in which they were done, until a Read; none where there is no process."""
    kind = load_transport(arm.transport).traits.endpoint
    if kind not in {EndpointKind.SOCKET, EndpointKind.STDIO}:
        return ()
    program = find(backend, library=False).path.read_text().partition("\n")[2]
    records: list[LogRecord] = []
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        told = Path(folder, f"cronix-backend-{backend}")
        told.write_text(f"#!{sys.executable} -Ximporttime\n{program}")
        told.chmod(0o755)
        options = HostOptions(codec=arm.codec, on_log=records.append)
        with open_backend(str(told), arm.transport, options) as session:
            session.backend.read(model.ReadRequest("bench"), Context())
    return module_names([record.message for record in records])


def module_names(lines: list[str]) -> tuple[str, ...]:
    """The names in the output of -X importtime; other lines of stderr may stand between."""
    columns = [line.split("|") for line in lines if line.startswith(_PREFIX)]
    names = (parts[-1].strip() for parts in columns if len(parts) == _COLUMNS)
    return tuple(name for name in names if name != "imported package")
