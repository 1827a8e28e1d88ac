"""What the plugin of an arm imports, asked of the interpreter, for the control of imports alone."""

import sys
import tempfile
from pathlib import Path

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.evidence.arms import Arm
from transportlab.host import HostOptions, LogRecord, open_backend
from transportlab.host.discovery import find
from transportlab.registry import load_transport

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
