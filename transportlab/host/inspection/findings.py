"""What a check can find, and what an error of the host says put as a finding."""

from dataclasses import dataclass
from enum import StrEnum

from transportlab.errors import LabError, PluginError, RpcError


class Status(StrEnum):
    """What became of a check. NOT_REACHED: what came before leaves nothing to look at."""

    OK = "ok"
    FAILED = "failed"
    NOT_REACHED = "not reached"


@dataclass(frozen=True, slots=True)
class Check:
    """One reason not to start: what was found, what to do about it, what the plugin itself said."""

    name: str
    status: Status
    found: str = ""
    action: str = ""
    lines: tuple[str, ...] = ()


class Refuted(Exception):
    """A check has failed; found and action as in Check."""

    def __init__(self, found: str, action: str) -> None:
        super().__init__(found)
        self.found = found
        self.action = action


def failed(name: str, error: LabError) -> Check:
    """The check that an error of the host's refutes, with all that the error says."""
    if not isinstance(error, PluginError):
        action = error.details.action if isinstance(error, RpcError) else ""
        return Check(name, Status.FAILED, str(error), action)
    found = f"{error.code}: {error.problem.removesuffix('.')}"
    if error.expected or error.got:
        found += f"; expected {error.expected or 'nothing'}, got {error.got or 'nothing'}"
    if error.exit:
        found += f"; it ended with {error.exit}"
    return Check(name, Status.FAILED, found, error.action, error.stderr)
