"""What plugins there are: each file in the directories of the search, and what is wrong with it.

Listing runs nobody's code: these are files that somebody has put there, and a list is made to look
at them before one trusts them. Only when asked to it starts each plugin, for its version and its
transports, and then only those that a host would start: not one that the manifest's pins refuse,
and not one that another hides. Whatever a plugin does, it costs its own row (P-DISCOVERY-2).
"""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import PluginError
from transportlab.host.channel import hiding, redactor_of
from transportlab.host.discovery import (
    LIBRARY_SUFFIX,
    NOWHERE,
    PREFIX,
    bad_name,
    check_runnable,
    directories,
    find,
    is_name,
    leads_nowhere,
    name_of,
    reason,
)
from transportlab.host.handshake import CANCEL_SECONDS, read_handshake
from transportlab.host.inspection.pin import left_out
from transportlab.host.inspection.start import HOPELESS, processes, ways
from transportlab.host.launch import Launch, secret_for
from transportlab.host.options import HostOptions
from transportlab.host.process import PluginProcess
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import admit, file_sum
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

AT_ONCE = 4
"""How many plugins are started at a time: enough for one that hangs not to hold up the others."""

ABSENT = "no such directory"


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of the search. problem: why it could not be searched, or that it is not there."""

    path: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A plugin's file. hidden_by is the file of the same name that comes before it, if any.

    left_out is what of the plugin its sum does not cover (sums.py).
    version and transports are what the plugin said when it was started, and empty before; with a
    transport stands the codec if the plugin lacks the transport's usual one: http/protobuf. code,
    problem and action are of the error that a host would raise (E-...).
    """

    name: str
    path: str
    library: bool
    sha256: str = ""
    pinned: bool = False
    hidden_by: str = ""
    version: str = ""
    transports: tuple[str, ...] = ()
    code: str = ""
    problem: str = ""
    action: str = ""
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The directories in the order of the search, and the plugins by name."""

    directories: tuple[Place, ...]
    plugins: tuple[Row, ...]


def survey(
    environment: Mapping[str, str], options: HostOptions | None = None, *, start: bool = False
) -> Listing:
    """All plugins that there are; start: ask them for version and transports.

    options: the pins that are to hold, and the bounds of a start. Raises RpcError CANCELLED when
    these cancel it.
    """
    options = options or HostOptions()
    places, rows = [], []
    first: dict[str, str] = {}
    for folder in directories(environment):
        names, problem = _names(folder)
        places.append(Place(str(folder), problem))
        for file in names:
            path = folder / file
            hidden_by = first.setdefault(file, str(path))
            row = Row(name_of(path), str(path), file.endswith(LIBRARY_SUFFIX))
            if hidden_by != row.path:
                row = replace(row, hidden_by=hidden_by)
            rows.append(_guarded(lambda row: _looked_at(row, environment, options.pins), row))
    if start:
        rows = _all_asked(rows, options)
    return Listing(tuple(places), tuple(sorted(rows, key=lambda row: (row.name, row.library))))


def _names(folder: Path) -> tuple[list[str], str]:
    """The names of plugins' files in a directory, and why they could not be had."""
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(PREFIX)), ""
    except FileNotFoundError:
        return [], NOWHERE if leads_nowhere(folder) else ABSENT
    except OSError as error:
        return [], reason(error)


def _guarded(step: Callable[[Row], Row], row: Row) -> Row:
    """The row after the step, or with what went wrong in it."""
    try:
        return step(row)
    except PluginError as error:
        ended = f"; it ended with {error.exit}" if error.exit else ""
        said = f": {error.stderr[-1]}" if error.stderr else ""
        problem = f"{error.problem}{ended}{said}"
        return replace(row, code=error.code, problem=problem, action=error.action)


def _looked_at(row: Row, environment: Mapping[str, str], pins: Mapping[str, PluginPin]) -> Row:
    """With its sum, if a host would take it for a plugin."""
    if not is_name(row.name):
        raise bad_name(row.name, "")
    check_runnable(Path(row.path), library=row.library)
    with suppress(PluginError):  # a program that cannot be read may run, unless it is pinned
        row = replace(row, sha256=file_sum(row.name, row.path), left_out=left_out(Path(row.path)))
    # The sum is worth showing anyway.
    return _guarded(lambda row: _judged(row, environment, pins), row)


def _judged(row: Row, environment: Mapping[str, str], pins: Mapping[str, PluginPin]) -> Row:
    if not row.hidden_by:  # an earlier directory may be one that a host cannot search
        find(row.name, library=row.library, environment=environment)
    with ExitStack() as undo:
        admitted = admit(row.name, row.path, pins, undo, library=row.library)
        return replace(row, pinned=bool(admitted.sha256))


def _all_asked(rows: list[Row], options: HostOptions) -> list[Row]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(_asked, row, options) for row in rows]
        try:
            # The kernel may give a signal to the thread that has just forked. Python then runs its
            # handler when this one does something next: so it must not wait for long.
            while wait(asked, CANCEL_SECONDS).not_done:
                pass
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [done.result() for done in asked]


def _asked(row: Row, options: HostOptions) -> Row:
    """With what the plugin says of itself. Raises RpcError CANCELLED."""
    Context(cancellation=options.cancellation).check()
    if row.code or row.hidden_by:
        return row
    ask = _library if row.library else _program
    row = _guarded(lambda row: ask(row, options), row)
    return (
        replace(row, action=f"transportlab plugins diagnose {quote(row.path)}") if row.code else row
    )


def _program(row: Row, options: HostOptions) -> Row:
    """Started over one transport after the other, with each codec until it has one."""
    spoken: dict[str, str] = {}
    version, refusals = "", []
    for way in ways(processes()):
        if way.transport.name in spoken:
            continue
        with ExitStack() as undo:
            try:
                admitted = admit(row.name, row.path, options.pins, undo, library=False)
                secret = secret_for(way.transport)
                redactor = redactor_of({}, secret)
                launch = Launch(
                    row.name, admitted, way.transport, way.codec, options, secret, redactor
                )
                with hiding(redactor):
                    process, _ = launch.start(undo)
                spoken[way.transport.name] = str(way)
                version = process.version
            except PluginError as error:
                refusals.append(error)
                if error.code in HOPELESS:
                    break
    if refusals and not spoken:
        raise refusals[0]
    return replace(row, version=version, transports=tuple(spoken.values()))


def _library(row: Row, options: HostOptions) -> Row:
    """Loaded in a process of its own, for its handshake line."""
    with ExitStack() as undo:
        admitted = admit(row.name, row.path, options.pins, undo, library=True)
        process = PluginProcess(
            row.name,
            [sys.executable, "-P", "-m", "transportlab.host.inspection.start", admitted.file],
            plugin_environment(os.environ),
            path=row.path,
            inherited=() if admitted.memory is None else (admitted.memory,),
        )
        undo.callback(process.stop, options.stop)
        read_handshake(process, options.handshake, options.cancellation)
    spoken = transport_names(EndpointKind.LIBRARY)
    return replace(row, version=process.version, transports=tuple(spoken))
