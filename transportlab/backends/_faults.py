"""Faults on request, so that tests can see how hosts and transports bear them: their language.

The config value is `;`-separated `<Method>=<action>[:<arg>]`, Method may be `*` (every operation);
several for one method are done in order. The word `requests` lets a request carry its own action in
its app: `!<action>[:<arg>]` (in Apply: the plan's app).

    error:<CODE>     RpcError of that code with every detail filled
    sleep:<s>        wait, honouring deadline and cancellation
    block:<s>        wait, honouring neither
    panic:<text>     raise RuntimeError
    refuse:<text>    RpcError with the text as its message and as every detail
    die:<text>       write the text to stderr and end the process with status 3
    log:<text>       Read: log the text, as a message and as a member
    say:<text>       Read one entry whose command is the text
    exit:<n>         end the process at once; exit_after:<k>: in Apply, once k ops are done
    print:<text>     write to stdout twice: by print, and by file descriptor 1
    size:<n>         Read one entry whose command is n times x
    events:<n>[:<s>] Apply n STARTED events and FINISHED, s seconds apart
    cancelled        Read one entry whose index counts the calls that were seen cancelled
    echo:<any>       Read one entry whose command is the app as it came

In each <text> {token} stands for the config value of that name, which is a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from transportlab.errors import Code, RpcError, invalid_argument

METHODS = ("Read", "Plan", "Apply", "Drift", "Prune", "Adopt", "VerifyOwnership")
SESSION_METHOD = "OpenSession"
"""Faults of OpenSession strike while the backend is made; `*` leaves it alone."""

_KNOWN = (*METHODS, SESSION_METHOD, "*")


def _events(text: str) -> tuple[int, float]:
    count, _, pause = text.partition(":")
    return int(count), float(pause or 0)


_ARGUMENTS: dict[str, Callable[[str], object]] = {
    "error": lambda name: Code[name],
    "sleep": float,
    "block": float,
    "panic": str,
    "refuse": str,
    "die": str,
    "log": str,
    "say": str,
    "exit": int,
    "exit_after": int,
    "print": str,
    "size": int,
    "events": _events,
    "cancelled": str,
    "echo": str,
}
_ONLY = {
    "size": "Read",
    "log": "Read",
    "say": "Read",
    "cancelled": "Read",
    "echo": "Read",
    "events": "Apply",
    "exit_after": "Apply",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One action with its argument, made from its text."""

    action: str
    argument: Any


def parse_fault(text: str, method: str, path: str) -> Fault:
    """The fault in `<action>[:<arg>]`; INVALID_ARGUMENT with path if method cannot have it."""
    action, _, argument = text.partition(":")
    if action not in _ARGUMENTS:
        raise _unknown(path, f'unknown action "{action}"', ", ".join(_ARGUMENTS), action)
    only = _ONLY.get(action, method)
    if method not in (only, "*"):
        raise _unknown(path, f'"{action}" is an action of {only} alone', only, method)
    try:
        return Fault(action, _ARGUMENTS[action](argument))
    except (KeyError, ValueError):
        raise _unknown(path, f'"{argument}" is no argument of {action}', "", argument) from None


def _unknown(path: str, problem: str, expected: str, got: str) -> RpcError:
    return invalid_argument(path, problem, reason="UNKNOWN_FAULT", expected=expected, got=got)


class Faults:
    """All faults that a config asks for."""

    def __init__(self, config: str, token: str = "") -> None:
        """Raises INVALID_ARGUMENT with path config/faults."""
        self._token = token
        path = "config/faults"
        self._faults: dict[str, list[Fault]] = {}
        self._by_request = False
        for part in filter(None, config.split(";")):
            method, equals, text = part.partition("=")
            if part == "requests":
                self._by_request = True
            elif not equals or method not in _KNOWN:
                raise _unknown(path, f'unknown method "{method}"', ", ".join(_KNOWN), method)
            else:
                self._faults.setdefault(method, []).append(parse_fault(text, method, path))

    def of(self, method: str, app: str | None) -> list[Fault]:
        """The faults that strike a call, in order."""
        faults = [*self._faults.get(method, ())]
        if method != SESSION_METHOD:
            faults += [
                f for f in self._faults.get("*", ()) if _ONLY.get(f.action, method) == method
            ]
        if self._by_request and app is not None and app.startswith("!"):
            faults.append(parse_fault(app[1:], method, "app"))
        return [self._filled(fault) for fault in faults]

    def _filled(self, fault: Fault) -> Fault:
        if not isinstance(fault.argument, str):
            return fault
        return replace(fault, argument=fault.argument.replace("{token}", self._token))
