"""The result of a check on a plugin: what was found, and what to do about it.

file_checks.py has the checks on a plugin's file, start.py those that a start of it makes.
"""

from enum import StrEnum

import msgspec

from transportlab.errors import LabError, PluginError, RpcError


class Status(StrEnum):
    """The outcome of a check. NOT_REACHED: an earlier failure left nothing to look at."""

    OK = "ok"
    FAILED = "failed"
    NOT_REACHED = "not reached"


class Check(msgspec.Struct, frozen=True):
    """One check: its name, what was found, what to do about it, and what the plugin itself said."""

    name: str
    status: Status
    found: str = ""
    action: str = ""
    lines: tuple[str, ...] = ()


class CheckFailed(Exception):
    """Raised by a check that fails. `found` and `action` are as in Check."""

    def __init__(self, found: str, action: str) -> None:
        super().__init__(found)
        self.found = found
        self.action = action


def failed_check(name: str, error: LabError) -> Check:
    """Return the failed check that an error of the host stands for, with all that it says."""
    if not isinstance(error, PluginError):
        action = error.details.action if isinstance(error, RpcError) else ""
        return Check(name, Status.FAILED, str(error), action)
    found = f"{error.code}: {error.problem.removesuffix('.')}"
    if error.expected or error.got:
        found += f"; expected {error.expected or 'nothing'}, got {error.got or 'nothing'}"
    if error.exit:
        found += f"; it ended with {error.exit}"
    return Check(name, Status.FAILED, found, error.action, error.stderr)
