"""Lists the plugins that are installed: each file in the searched directories, and its problems.

Listing runs nobody's code: people list plugins to look at them before they trust them. Only on
request it starts each plugin, for its version and transports, and then only those that a host would
start: not one that the manifest's pins refuse, and not one that another file hides. A plugin that
misbehaves spoils its own entry only (P-DISCOVERY-2).
"""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path
from shlex import quote

import msgspec
from msgspec.structs import replace

from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.errors import PluginError
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
from transportlab.host.inspection.start import HOPELESS, process_transports, ways
from transportlab.host.launch import Launch
from transportlab.host.options import HostOptions
from transportlab.host.process import PluginProcess
from transportlab.host.secrets import hiding, redactor_of, secret_for
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import admit, file_sum
from transportlab.manifest.pin import PluginPin
from transportlab.registry import transport_names

AT_ONCE = 4
"""How many plugins are started at a time, so that one that hangs does not hold up the others."""

ABSENT = "no such directory"


class Directory(msgspec.Struct, frozen=True):
    """A searched directory. problem: why it could not be searched, or that it does not exist."""

    path: str
    problem: str = ""


class ListedPlugin(msgspec.Struct, frozen=True):
    """A plugin's file.

    hidden_by: the file of the same name in an earlier directory, if there is one.
    version, transports: what the plugin said when it was started. A transport whose usual codec the
        plugin lacks is shown with the codec that it has: http/protobuf.
    code, problem, action: of the error that a host would raise (E-...).
    left_out: what of the plugin its sum does not cover (pin.py).
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


class Listing(msgspec.Struct, frozen=True):
    """The directories in the order of the search, and the plugins by name."""

    directories: tuple[Directory, ...]
    plugins: tuple[ListedPlugin, ...]


def find_plugins(
    environment: Mapping[str, str], options: HostOptions | None = None, *, start: bool = False
) -> Listing:
    """Return all plugins that a host would find. start: ask them for version and transports.

    Of `options` the pins count, the bounds of a start, and the cancellation. Raises RpcError
    CANCELLED.
    """
    options = options or HostOptions()
    searched, plugins = [], []
    first: dict[str, str] = {}
    for directory in directories(environment):
        names, problem = _names(directory)
        searched.append(Directory(str(directory), problem))
        for file in names:
            path = directory / file
            hidden_by = first.setdefault(file, str(path))
            plugin = ListedPlugin(name_of(path), str(path), file.endswith(LIBRARY_SUFFIX))
            if hidden_by != plugin.path:
                plugin = replace(plugin, hidden_by=hidden_by)
            plugins.append(
                _guarded(lambda plugin: _examine(plugin, environment, options.pins), plugin)
            )
    if start:
        plugins = _ask_all(plugins, options)
    plugins.sort(key=lambda plugin: (plugin.name, plugin.library))
    return Listing(tuple(searched), tuple(plugins))


def _names(directory: Path) -> tuple[list[str], str]:
    """Return the names of plugins' files in a directory, and why they cannot be had."""
    try:
        return sorted(name for name in os.listdir(directory) if name.startswith(PREFIX)), ""
    except FileNotFoundError:
        return [], NOWHERE if leads_nowhere(directory) else ABSENT
    except OSError as error:
        return [], reason(error)


def _guarded(step: Callable[[ListedPlugin], ListedPlugin], plugin: ListedPlugin) -> ListedPlugin:
    """Return the plugin after the step, or with the error that the step raised."""
    try:
        return step(plugin)
    except PluginError as error:
        ended = f"; it ended with {error.exit}" if error.exit else ""
        said = f": {error.stderr[-1]}" if error.stderr else ""
        problem = f"{error.problem}{ended}{said}"
        return replace(plugin, code=error.code, problem=problem, action=error.action)


# ---- the file


def _examine(
    plugin: ListedPlugin, environment: Mapping[str, str], pins: Mapping[str, PluginPin]
) -> ListedPlugin:
    """Add the sum and whether it is pinned. Raises the PluginError that a host would raise."""
    if not is_name(plugin.name):
        raise bad_name(plugin.name, "")
    path = Path(plugin.path)
    check_runnable(path, library=plugin.library)
    with suppress(PluginError):  # a program that cannot be read may still run, unless it is pinned
        digest = file_sum(plugin.name, plugin.path)
        plugin = replace(plugin, sha256=digest, left_out=left_out(path))
    # Guarded once more, so that a plugin that may not run keeps its sum.
    return _guarded(lambda plugin: _admit(plugin, environment, pins), plugin)


def _admit(
    plugin: ListedPlugin, environment: Mapping[str, str], pins: Mapping[str, PluginPin]
) -> ListedPlugin:
    if not plugin.hidden_by:  # an earlier directory may be one that a host cannot search
        find(plugin.name, library=plugin.library, environment=environment)
    with ExitStack() as undo:
        admitted = admit(plugin.name, plugin.path, pins, undo, library=plugin.library)
        return replace(plugin, pinned=bool(admitted.sha256))


# ---- the start


def _ask_all(plugins: list[ListedPlugin], options: HostOptions) -> list[ListedPlugin]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(_ask, plugin, options) for plugin in plugins]
        try:
            # The kernel may give a signal to a thread that has just forked. Python runs the handler
            # only when the main thread does something next, so this one must not wait for long.
            while wait(asked, CANCEL_SECONDS).not_done:
                pass
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return [done.result() for done in asked]


def _ask(plugin: ListedPlugin, options: HostOptions) -> ListedPlugin:
    """Add what the plugin says of itself. Raises RpcError CANCELLED."""
    Context(cancellation=options.cancellation).check()
    if plugin.code or plugin.hidden_by:
        return plugin
    ask = _ask_library if plugin.library else _ask_program
    plugin = _guarded(lambda plugin: ask(plugin, options), plugin)
    if not plugin.code:
        return plugin
    return replace(plugin, action=f"transportlab plugins diagnose {quote(plugin.path)}")


def _ask_program(plugin: ListedPlugin, options: HostOptions) -> ListedPlugin:
    """Start a program over each transport, with one codec after the other until one will do."""
    spoken: dict[str, str] = {}
    version, refusals = "", []
    for way in ways(process_transports()):
        if way.transport.name in spoken:
            continue
        with ExitStack() as undo:
            try:
                admitted = admit(plugin.name, plugin.path, options.pins, undo, library=False)
                secret = secret_for(way.transport)
                redactor = redactor_of({}, secret)
                launch = Launch(
                    plugin.name, admitted, way.transport, way.codec, options, secret, redactor
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
    return replace(plugin, version=version, transports=tuple(spoken.values()))


def _ask_library(plugin: ListedPlugin, options: HostOptions) -> ListedPlugin:
    """Load a library in a process of its own (probe.py), for its handshake line."""
    with ExitStack() as undo:
        admitted = admit(plugin.name, plugin.path, options.pins, undo, library=True)
        process = PluginProcess(
            plugin.name,
            [sys.executable, "-P", "-m", "transportlab.host.inspection.probe", admitted.file],
            plugin_environment(os.environ),
            path=plugin.path,
            inherited=() if admitted.memory is None else (admitted.memory,),
        )
        undo.callback(process.stop, options.stop)
        read_handshake(process, options.handshake, options.cancellation)
    spoken = transport_names(EndpointKind.LIBRARY)
    return replace(plugin, version=process.version, transports=tuple(spoken))
