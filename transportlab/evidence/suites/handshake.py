"""From the start of a plugin to its end, phase by phase, and what its imports alone take.

`cold-start` is the first session of a host process. It includes the host's own imports for the
transport: most in the phase `line`, as the host imports while the plugin starts, and the rest in
`connected`. `next-start` is the second session, where these are done.
`imports` is a bare interpreter that imports what the plugin imports, and exits.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.evidence.arms import Plugin
from transportlab.evidence.record import BYTES, Arm, Sample
from transportlab.evidence.run.bench import MEMORY, bench
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Memory, memory, spawn
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
"""Metric, from which mark, to which. The last two are sums of those above."""

_IMPORT = """
import sys
from transportlab.registry import load_transport
load_transport(sys.argv[1]).put_off()
for name in sys.argv[2:]:
    try:
        __import__(name)
    except ImportError:  # the plugin has tried it as well: sitecustomize, say
        pass
"""


def measure(task: Task) -> list[Sample]:
    """Two lives of the plugin, and its imports."""
    found = [*life(task, COLD), *life(task, NEXT)]
    if modules := plugin_modules(task.arm, task.plugin):
        command = [sys.executable, "-c", _IMPORT, task.arm.transport, *modules]
        seconds = spawn(command, task.placement)
        found.append(task.arm.one(IMPORTS, "total", seconds))
    return found


def life(task: Task, case: str) -> list[Sample]:
    """One plugin from start to end, without the phases that the transport does not have."""
    host = time.process_time()
    plugin = _children_cpu()
    sizes: dict[str, Memory] = {}
    with task.open({}) as opened:
        opened.session.backend.read(model.ReadRequest("bench"), Context())
        opened.marks["read"] = time.monotonic()
        sizes["host"] = memory()
        if opened.pid is not None:
            sizes["plugin"] = memory(opened.pid)
        # The plugin has no part in these looks at memory, so their time is taken out again.
        looked = time.monotonic() - opened.marks["read"]
    marks = opened.marks | {"end": time.monotonic() - looked}
    if "line" not in marks:
        marks["line"] = marks["begin"]
    arm = task.arm
    found = [
        arm.one(case, metric, marks[end] - marks[begin])
        for metric, begin, end in PHASES
        if begin in marks and end in marks and marks[end] > marks[begin]
    ]
    found.append(arm.one(case, "cpu-host", time.process_time() - host))
    if opened.pid is not None:
        found.append(arm.one(case, "cpu-plugin", _children_cpu() - plugin))
    for end, size in sizes.items():
        kinds = {"rss": size.resident, "uss": size.unique, "pss": size.proportional}
        found += [arm.one(case, f"{kind}-{end}", value, BYTES) for kind, value in kinds.items()]
    return found


def measure_host(task: Task) -> list[Sample]:
    """Two lives of the plugin in one process of another host, which tells their phases."""
    found = []
    for case, told in zip((COLD, NEXT), bench(task, runs=2), strict=True):
        phases = ((metric, told.get(metric)) for metric, _, _ in PHASES)
        found += [task.arm.one(case, metric, value) for metric, value in phases if value]
        sizes = ((metric, told.get(metric)) for metric in MEMORY)
        found += [task.arm.one(case, metric, size, BYTES) for metric, size in sizes if size]
    return found


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plugin_modules(arm: Arm, plugin: Plugin) -> tuple[str, ...]:
    """What the arm's plugin imports until it answers a Read, in order.

    The interpreter tells, by -X importtime. This process then has the transport's libraries, which
    it shares with a plugin: no memory may be looked at after that. Empty for an arm without a
    plugin's process, and for a plugin that is not a script of this interpreter.
    """
    kind = load_transport(arm.transport).traits.endpoint
    if kind not in {EndpointKind.SOCKET, EndpointKind.STDIO}:
        return ()
    source = find(plugin.path, library=False).path.read_bytes()
    head, _, rest = source.partition(b"\n")
    if sys.executable.encode() not in head:
        return ()
    program = rest.decode()
    records: list[LogRecord] = []
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        told = Path(folder, "cronix-backend-told")
        told.write_text(f"#!{sys.executable} -Ximporttime\n{program}")
        told.chmod(0o755)
        options = HostOptions(codec=arm.codec, config=plugin.config, on_log=records.append)
        with open_backend(str(told), arm.transport, options) as session:
            session.backend.read(model.ReadRequest("bench"), Context())
    return module_names([record.message for record in records])


def module_names(lines: list[str]) -> tuple[str, ...]:
    """The names in the output of -X importtime, between whatever else is on stderr."""
    columns = [line.split("|") for line in lines if line.startswith("import time:")]
    names = (parts[-1].strip() for parts in columns if len(parts) == 3)  # noqa: PLR2004  # self, cumulative, name
    return tuple(name for name in names if name != "imported package")
