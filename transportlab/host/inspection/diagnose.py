"""Finds out why a plugin does not start: checks its file, then starts it step by step.

Whether it starts is not concluded from the checks but tried, with the host's own steps. The checks
are there to explain: the error of a start names one reason, and often not the one that a person can
do something about. A plugin that may not run (trust.py) is not started here either.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec.structs import replace

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError, UsageError
from transportlab.host.discovery import LIBRARY_SUFFIX, find, name_of
from transportlab.host.inspection.check import Check, Status, failed_check
from transportlab.host.inspection.file_checks import FILE_CHECKS, check_file
from transportlab.host.inspection.start import (
    STEPS,
    Start,
    Way,
    process_transports,
    start_by,
    ways,
)
from transportlab.host.options import HostOptions
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import admit
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, not_installed
from transportlab.sdk.library_worker import library_transport

CHECKS = ("file", "permission", "trust", *FILE_CHECKS, *STEPS.values())
"""The names of all checks, in their order."""

_PERMISSION = ("E-NOT-EXECUTABLE", "E-NOT-READABLE")
_UNEXPLAINED = (
    "no check above explains it. If permission is denied, a security module may do so (SELinux,"
    " AppArmor, fapolicyd): see its log and dmesg. If the file is busy, somebody still has it open"
    " for writing"
)


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found. `checks` are all CHECKS in their order.

    transport: the one that the checks of the start are about, with its codec if that is not the
    usual one (http/protobuf). refused: the other ways that were tried, and what came of each.
    """

    name: str
    path: str
    library: bool
    transport: str
    starts: bool
    checks: tuple[Check, ...]
    refused: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def cause(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.status is Status.FAILED), None)


def diagnose(
    backend: str, transport: str | None = None, options: HostOptions | None = None
) -> Diagnosis:
    """Check the plugin of that name or path, and start it: over the transport, or over each one.

    Each codec of a transport is tried, because a plugin need not have them all. Of `options` the
    pins and the bounds count. Raises UsageError for a transport that does not exist, or over which
    no plugin can be started.
    """
    options = options or HostOptions()
    library = _wants_library(backend, transport)
    wanted = _wanted_ways(transport, library)
    checks, path = _file_and_permission(backend, library)
    name = name_of(path) if os.sep in backend else backend
    if _all_ok(checks):
        checks.append(_trust(name, path, options.pins, library))
    starts = start_by(wanted, path, options) if _all_ok(checks) else []
    best = max(starts, key=lambda start: len(start.reached), default=Start(wanted[0]))
    if checks[0].status is Status.OK:
        environment = plugin_environment(os.environ)
        ran = bool(best.reached) and not library
        checks += check_file(path, library=library, environment=environment, ran=ran)
    shown = (transport or library_transport().name) if library else str(best.way)
    refused = {str(start.way): start.answer for start in starts if start is not best}
    checks = _judge(checks + best.checks(), best.succeeded)
    return Diagnosis(name, str(path), library, shown, best.succeeded, _complete(checks), refused)


def _wants_library(backend: str, transport: str | None) -> bool:
    """Return whether to start a library, not a program."""
    if transport is not None:
        kind = load_transport(transport).traits.endpoint
        if kind is EndpointKind.OBJECT:
            raise UsageError(f"over {transport} no plugin is started")
        return kind is EndpointKind.LIBRARY or backend.endswith(LIBRARY_SUFFIX)
    if os.sep in backend:
        return backend.endswith(LIBRARY_SUFFIX)
    # A name is a program's, unless there is only a library.
    return _find_code(backend, library=False) == "E-NOT-FOUND" != _find_code(backend, library=True)


def _find_code(backend: str, *, library: bool) -> str:
    try:
        find(backend, library=library)
    except PluginError as error:
        return error.code
    return ""


def _wanted_ways(transport: str | None, library: bool) -> list[Way]:
    """Return the ways to try. A library is started in a worker, over any process's transport."""
    own = library_transport() if library else None
    wanted = load_transport(transport) if transport else own
    if wanted is not None and (lacking := not_installed(wanted)):
        raise UsageError(f'transport "{wanted.name}": {lacking}')
    if wanted is not None and wanted is not own:
        return ways([wanted])
    usable = process_transports()
    if not usable:
        raise UsageError("there is no transport here whose libraries are installed")
    return ways(usable)[:1] if library else ways(usable)


# ---- before the start


def _file_and_permission(backend: str, library: bool) -> tuple[list[Check], Path]:
    """Return the checks "file" and, if there is a file, "permission"; and the file's path."""
    try:
        found = find(backend, library=library)
    except PluginError as error:
        where = Path(error.path or backend)
        if error.code == "E-NOEXEC":  # the check "mount" tells that
            return [Check("file", Status.OK, str(where)), _permission(where)], where
        if error.code not in _PERMISSION:
            check = failed_check("file", error)
            at = f"{where}: " if error.path else ""
            return [replace(check, found=f"{at}{check.found}")], where
        return [Check("file", Status.OK, str(where)), failed_check("permission", error)], where
    hidden = "".join(f"; it hides {path}" for path in found.shadowed)
    return [Check("file", Status.OK, f"{found.path}{hidden}"), _permission(found.path)], found.path


def _permission(path: Path) -> Check:
    return Check("permission", Status.OK, f"mode {stat.S_IMODE(path.stat().st_mode):04o}")


def _trust(name: str, path: Path, pins: Mapping[str, PluginPin], library: bool) -> Check:
    with ExitStack() as undo:
        try:
            admitted = admit(name, str(path), pins, undo, library=library)
        except PluginError as error:
            return failed_check("trust", error)
    pinned = f"pinned to what it is: sha256 {admitted.sha256}"
    return Check("trust", Status.OK, pinned if admitted.sha256 else "not pinned")


def _all_ok(checks: list[Check]) -> bool:
    return all(check.status is Status.OK for check in checks)


# ---- after the start


def _judge(checks: list[Check], starts: bool) -> list[Check]:
    """Return the checks in the light of what the start showed.

    If the plugin starts, nothing that they found keeps it from starting. If it does not, the last
    check may advise this very diagnosis; then say whether another check explains it.
    """
    if starts:
        return [
            check
            if check.status is Status.OK
            else replace(
                check,
                status=Status.OK,
                found=f"{check.found or 'unknown'}; it starts all the same",
                action="",
            )
            for check in checks
        ]
    last = checks[-1]
    if "plugins diagnose" not in last.action:
        return checks
    explained = "the checks above say why" if not _all_ok(checks[:-1]) else _UNEXPLAINED
    return [*checks[:-1], replace(last, action=explained)]


def _complete(checks: list[Check]) -> tuple[Check, ...]:
    """Return all CHECKS in their order; those that were not made are not reached."""
    made = {check.name: check for check in checks}
    return tuple(made.get(name, Check(name, Status.NOT_REACHED)) for name in CHECKS)
