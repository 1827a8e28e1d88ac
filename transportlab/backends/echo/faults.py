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

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from transportlab import model
from transportlab.backend import Operations
from transportlab.context import Context
from transportlab.errors import Code, RpcError, invalid_argument
from transportlab.model import ApplyEvent, ApplyEventKind, Entry, ErrorDetails, ReadReply

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


# Operations that fail as the faults of _faults.py ask for.


def strike(fault: Fault, context: Context) -> None:
    """Do what a fault of any method does; those of one method alone do nothing here."""
    action, argument = fault.action, fault.argument
    if action == "error":
        raise _full_error(argument)
    if action == "panic":
        raise RuntimeError(argument)
    if action == "refuse":
        raise RpcError(Code.ABORTED, argument, ErrorDetails(*[argument] * 5, *[(argument,)] * 3))
    if action == "die":
        os.write(2, f"{argument}\n".encode())
        os._exit(3)
    if action == "exit":
        os._exit(argument)
    elif action == "sleep":
        context.wait(argument)
    elif action == "block":
        time.sleep(argument)
    elif action == "log":
        context.log("warning", argument, value=argument)
    elif action == "print":
        print(argument, flush=True)
        os.write(1, argument.encode())


def _full_error(code: Code) -> RpcError:
    details = ErrorDetails(
        reason="FAULT",
        path="jobs/0",
        expected="e",
        got="g",
        action="a",
        applied=("a1", "a2"),
        failed=("f1",),
        unattempted=("u1",),
    )
    return RpcError(code, f'fault {code.name}: "quoted" <&> \u00e9 \u2028 end', details)


class Faulty:
    """Operations with faults in front of them. Safe to use from several threads."""

    def __init__(self, inner: Operations, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults
        self._lock = threading.Lock()
        self._cancelled = 0

    def _count_cancelled(self) -> None:
        with self._lock:
            self._cancelled += 1

    def _strike(self, method: str, app: str | None, context: Context) -> list[Fault]:
        faults = self._faults.of(method, app)
        try:
            for fault in faults:
                strike(fault, context)
        except RpcError as error:
            switch = context.cancellation
            if error.code is Code.CANCELLED and switch is not None and switch.cancelled:
                self._count_cancelled()
            raise
        return faults

    def read(self, request: model.ReadRequest, context: Context) -> ReadReply:
        """As in Operations, or what a fault puts in its place."""
        for fault in self._strike("Read", request.app, context):
            if fault.action == "size":
                return ReadReply((Entry(command="x" * fault.argument),))
            if fault.action == "say":
                return ReadReply((Entry(command=fault.argument),))
            if fault.action == "cancelled":
                return ReadReply((Entry(index=self._cancelled),))
            if fault.action == "echo":
                return ReadReply((Entry(command=request.app or ""),))
        return self._inner.read(request, context)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """As in Operations."""
        self._strike("Plan", request.app, context)
        return self._inner.plan(request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[ApplyEvent]:
        """As in Operations, or what a fault puts in its place."""
        for fault in self._strike("Apply", request.plan.app, context):
            if fault.action == "events":
                yield from self._events(fault.argument, context)
                return
            if fault.action == "exit_after":
                yield from _exit_after(fault.argument, self._inner.apply(request, context))
                return
        yield from self._inner.apply(request, context)

    def _events(self, argument: tuple[int, float], context: Context) -> Iterator[ApplyEvent]:
        count, pause = argument
        try:
            for index in range(count):
                if index and pause:
                    context.wait(pause)
                yield ApplyEvent(ApplyEventKind.STARTED, index)
        except GeneratorExit:
            self._count_cancelled()
            raise
        except RpcError as error:
            if error.code is Code.CANCELLED:
                self._count_cancelled()
            raise
        yield ApplyEvent(ApplyEventKind.FINISHED, counts=model.Counts())

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """As in Operations."""
        self._strike("Drift", request.app, context)
        return self._inner.drift(request, context)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """As in Operations."""
        self._strike("Prune", request.app, context)
        return self._inner.prune(request, context)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """As in Operations."""
        self._strike("Adopt", request.app, context)
        return self._inner.adopt(request, context)

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """As in Operations."""
        self._strike("VerifyOwnership", request.app, context)
        return self._inner.verify_ownership(request, context)


def _exit_after(done: int, events: Iterator[ApplyEvent]) -> Iterator[ApplyEvent]:
    """The events until so many ops are done, then the end of the process."""
    if done <= 0:
        os._exit(1)
    for event in events:
        yield event
        done -= event.kind is ApplyEventKind.DONE
        if not done:
            os._exit(1)
