"""Why a plugin does not start: every check on its file, and then the start itself, step by step.

Whether it starts is not concluded from the checks but tried, with the host's own steps. What a
check found is told beside it: the error of a start names one reason, and often not the one that a
person can do something about. A plugin that may not run (trust) is not started here either.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from transportlab.channel import EndpointKind
from transportlab.errors import PluginError, UsageError
from transportlab.host.discovery import LIBRARY_SUFFIX, find, name_of
from transportlab.host.inspection.checks import FILE_CHECKS, examine
from transportlab.host.inspection.findings import Check, Status, failed
from transportlab.host.inspection.start import STEPS, Trial, Way, processes, start_in, ways
from transportlab.host.options import HostOptions
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import admit
from transportlab.manifest.pin import PluginPin
from transportlab.registry import load_transport, not_installed
from transportlab.sdk.library_worker import library_transport

CHECKS = ("file", "permission", "trust", *FILE_CHECKS, *STEPS.values())
"""All checks, in their order."""

_PERMISSION = ("E-NOT-EXECUTABLE", "E-NOT-READABLE")
_UNEXPLAINED = (
    "no check above explains it. If permission is denied, a security module may do so (SELinux,"
    " AppArmor, fapolicyd): see its log and dmesg. If the file is busy, somebody still has it open"
    " for writing"
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All CHECKS in their order. refused: other ways that were tried, and what came of each.

    A way is a transport, and its codec if that is not the usual one: http/protobuf.
    """

    name: str
    path: str
    library: bool
    transport: str
    starts: bool
    checks: tuple[Check, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def cause(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.status is Status.FAILED), None)


def diagnose(
    backend: str, transport: str | None = None, options: HostOptions | None = None
) -> Diagnosis:
    """Examine the plugin of that name or path, and start it: over the transport, or over each.

    It is tried with each codec of a transport, as a plugin need not have them all.

    options: the pins that are to hold, and the bounds. Raises UsageError for a transport that does
    not exist, or over which no plugin can be started.
    """
    options = options or HostOptions()
    library = _wants_library(backend, transport)
    asked = _asked(transport, library)
    checks, path = _file_and_permission(backend, library)
    name = name_of(path) if os.sep in backend else backend
    if _fine(checks):
        checks.append(_trust(name, path, options.pins, library))
    trials = start_in(path, asked, options) if _fine(checks) else []
    best = max(trials, key=lambda trial: len(trial.reached), default=Trial(asked[0]))
    if checks[0].status is Status.OK:
        environment = plugin_environment(os.environ)
        ran = bool(best.reached) and not library
        checks += examine(path, library=library, environment=environment, ran=ran)
    shown = (transport or library_transport().name) if library else str(best.way)
    refused = {str(trial.way): trial.answer for trial in trials if trial is not best}
    checks = _weighed(checks + best.checks(), best.starts)
    return Diagnosis(name, str(path), library, shown, best.starts, _complete(checks), refused)


def _wants_library(backend: str, transport: str | None) -> bool:
    """Whether it is a library that is to be started, not a program."""
    if transport is not None:
        kind = load_transport(transport).traits.endpoint
        if kind is EndpointKind.OBJECT:
            raise UsageError(f"over {transport} no plugin is started")
        return kind is EndpointKind.LIBRARY or backend.endswith(LIBRARY_SUFFIX)
    if os.sep in backend:
        return backend.endswith(LIBRARY_SUFFIX)
    return _code(backend, library=False) == "E-NOT-FOUND" != _code(backend, library=True)


def _code(backend: str, *, library: bool) -> str:
    try:
        find(backend, library=library)
    except PluginError as error:
        return error.code
    return ""


def _asked(transport: str | None, library: bool) -> list[Way]:
    """The ways to start it. A library is started in a worker, over any process's transport."""
    own = library_transport() if library else None
    wanted = load_transport(transport) if transport else own
    if wanted is not None and (lacking := not_installed(wanted)):
        raise UsageError(f'transport "{wanted.name}": {lacking}')
    if wanted is not None and wanted is not own:
        return ways([wanted])
    usable = processes()
    if not usable:
        raise UsageError("there is no transport here whose libraries are installed")
    return ways(usable)[:1] if library else ways(usable)


# ---- before the start


def _file_and_permission(backend: str, library: bool) -> tuple[list[Check], Path]:
    try:
        found = find(backend, library=library)
    except PluginError as error:
        where = Path(error.path or backend)
        if error.code == "E-NOEXEC":  # that is a check of its own
            return [Check("file", Status.OK, str(where)), _mode(where)], where
        if error.code not in _PERMISSION:
            check = failed("file", error)
            at = f"{where}: " if error.path else ""
            return [replace(check, found=f"{at}{check.found}")], where
        return [Check("file", Status.OK, str(where)), failed("permission", error)], where
    hidden = "".join(f"; it hides {path}" for path in found.shadowed)
    return [Check("file", Status.OK, f"{found.path}{hidden}"), _mode(found.path)], found.path


def _mode(path: Path) -> Check:
    return Check("permission", Status.OK, f"mode {stat.S_IMODE(path.stat().st_mode):04o}")


def _trust(name: str, path: Path, pins: Mapping[str, PluginPin], library: bool) -> Check:
    with ExitStack() as undo:
        try:
            admitted = admit(name, str(path), pins, undo, library=library)
        except PluginError as error:
            return failed("trust", error)
    pinned = f"pinned to what it is: sha256 {admitted.sha256}"
    return Check("trust", Status.OK, pinned if admitted.sha256 else "not pinned")


def _fine(checks: list[Check]) -> bool:
    return all(check.status is Status.OK for check in checks)


def _complete(checks: list[Check]) -> tuple[Check, ...]:
    found = {check.name: check for check in checks}
    return tuple(found.get(name, Check(name, Status.NOT_REACHED)) for name in CHECKS)


def _weighed(checks: list[Check], starts: bool) -> list[Check]:
    """What the file's checks found, in the light of what the start showed."""
    if starts:  # then what they found is not why it would not
        yet = "it starts all the same"
        return [
            check
            if check.status is Status.OK
            else replace(
                check, status=Status.OK, found=f"{check.found or 'unknown'}; {yet}", action=""
            )
            for check in checks
        ]
    last = checks[-1]
    if "plugins diagnose" not in last.action:
        return checks
    explained = "the checks above say why" if not _fine(checks[:-1]) else _UNEXPLAINED
    return [*checks[:-1], replace(last, action=explained)]
