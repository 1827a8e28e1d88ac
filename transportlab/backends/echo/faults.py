"""Faults on request, so that tests can see how hosts and transports cope with them.

The config value `faults` is a list of `<Method>=<action>[:<argument>]`, separated by `;`. Method
may be `*`, for every operation. Several for one method are done in order. The word `requests` in
the list lets a request bring its own action in its app, or in its plan's app for Apply:
`!<action>[:<argument>]`.

    error:<CODE>     raise RpcError with that code and every detail filled
    sleep:<s>        wait; the deadline and cancellation end it
    block:<s>        wait; nothing ends it
    panic:<text>     raise RuntimeError
    refuse:<text>    raise RpcError with the text as its message and as every detail
    die:<text>       write the text to stderr and end the process with status 3
    exit:<n>         end the process at once with status n
    print:<text>     write to stdout twice: by print, and by file descriptor 1
    child:<text>     wait for a program that writes the text to stdout and reads stdin to its end
    log:<text>       Read: log the text, as the message and as a member
    say:<text>       Read: one entry whose command is the text
    size:<n>         Read: one entry whose command is n times x
    echo:<any>       Read: one entry whose command is the request's app, as it came
    cancelled        Read: one entry whose index counts the calls that were seen cancelled
    events:<n>[:<s>] Apply: n STARTED events, s seconds apart, and FINISHED
    exit_after:<k>   Apply: end the process once k ops are done

In each <text> {token} stands for the config value `token`, which is a secret.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from transportlab import model
from transportlab.model import ApplyEvent, ApplyEventKind, ReadReply
from transportlab.sdk import Code, Context, ErrorDetails, Operations, RpcError, invalid_argument
from transportlab.store import Entry

METHODS = ("Read", "Plan", "Apply", "Drift", "Prune", "Adopt", "VerifyOwnership")
SESSION_METHOD = "OpenSession"
"""Its faults strike while the operations are made; `*` does not mean it."""

_KNOWN = (*METHODS, SESSION_METHOD, "*")


def _events(text: str) -> tuple[int, float]:
    count, _, pause = text.partition(":")
    return int(count), float(pause or 0)


# How an action's argument is read, and the one method that has the action, "" for all.
_ACTIONS: dict[str, tuple[Callable[[str], object], str]] = {
    "error": (lambda name: Code[name], ""),
    "sleep": (float, ""),
    "block": (float, ""),
    "panic": (str, ""),
    "refuse": (str, ""),
    "die": (str, ""),
    "log": (str, "Read"),
    "say": (str, "Read"),
    "exit": (int, ""),
    "exit_after": (int, "Apply"),
    "print": (str, ""),
    "child": (str, ""),
    "size": (int, "Read"),
    "events": (_events, "Apply"),
    "cancelled": (str, "Read"),
    "echo": (str, "Read"),
}


class Fault(msgspec.Struct, frozen=True):
    """One action with its argument, read from its text."""

    action: str
    argument: Any

    def belongs_to(self, method: str) -> bool:
        """Whether the method has this action."""
        return _ACTIONS[self.action][1] in ("", method)


def parse_fault(text: str, method: str, path: str) -> Fault:
    """The fault in `<action>[:<argument>]`, for a method or `*`.

    Raises INVALID_ARGUMENT, with this path, for one that there is not or that the method has not.
    """
    action, _, argument = text.partition(":")
    if action not in _ACTIONS:
        raise _unknown(path, f'unknown action "{action}"', ", ".join(_ACTIONS), action)
    convert, only = _ACTIONS[action]
    if only and method not in (only, "*"):
        raise _unknown(path, f'"{action}" is an action of {only} alone', only, method)
    try:
        return Fault(action, convert(argument))
    except (KeyError, ValueError):
        raise _unknown(path, f'"{argument}" is no argument of {action}', "", argument) from None


def _unknown(path: str, problem: str, expected: str, got: str) -> RpcError:
    return invalid_argument(path, problem, reason="UNKNOWN_FAULT", expected=expected, got=got)


class Faults:
    """All faults that a config asks for."""

    def __init__(self, config: str, token: str = "") -> None:
        """Raises INVALID_ARGUMENT with the path config/faults."""
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
        """The faults that strike a call of that method for that app, in order.

        Raises INVALID_ARGUMENT with the path app for a request whose own action is wrong.
        """
        faults = [*self._faults.get(method, ())]
        if method != SESSION_METHOD:
            faults += [fault for fault in self._faults.get("*", ()) if fault.belongs_to(method)]
        if self._by_request and app is not None and app.startswith("!"):
            faults.append(parse_fault(app[1:], method, "app"))
        return [self._filled(fault) for fault in faults]

    def _filled(self, fault: Fault) -> Fault:
        if not isinstance(fault.argument, str):
            return fault
        return replace(fault, argument=fault.argument.replace("{token}", self._token))


def strike(fault: Fault, context: Context) -> None:
    """Do what a fault of every method does, and log; other actions of one method do nothing here.

    Raises what the fault says; `sleep` raises CANCELLED or DEADLINE_EXCEEDED.
    """
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
    elif action in ("print", "child"):
        _disturb(action, argument)


def _disturb(action: str, argument: str) -> None:
    """Use stdin and stdout, which are no business of a backend's."""
    if action == "print":
        print(argument, flush=True)
        os.write(1, argument.encode())
    else:
        import subprocess  # not at the top: most sessions never need it, and it takes 10 ms

        subprocess.run(["/bin/sh", "-c", 'echo "$1"; exec cat', "child", argument], check=False)


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
    """Operations with faults before them. Safe to use from several threads."""

    def __init__(self, inner: Operations, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults
        self._lock = threading.Lock()
        self._cancelled = 0

    def _count_cancelled(self) -> None:
        with self._lock:
            self._cancelled += 1

    def _strike(self, method: str, app: str | None, context: Context) -> list[Fault]:
        """Let all faults of a call strike; returns them, for what is left to the method."""
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
        """See Operations.read; a fault may give another reply."""
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
        """See Operations.plan."""
        self._strike("Plan", request.app, context)
        return self._inner.plan(request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[ApplyEvent]:
        """See Operations.apply; a fault may give other events."""
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
        """See Operations.drift."""
        self._strike("Drift", request.app, context)
        return self._inner.drift(request, context)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """See Operations.prune."""
        self._strike("Prune", request.app, context)
        return self._inner.prune(request, context)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """See Operations.adopt."""
        self._strike("Adopt", request.app, context)
        return self._inner.adopt(request, context)

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """See Operations.verify_ownership."""
        self._strike("VerifyOwnership", request.app, context)
        return self._inner.verify_ownership(request, context)


def _exit_after(done: int, events: Iterator[ApplyEvent]) -> Iterator[ApplyEvent]:
    """The events until that many ops are done, then the end of the process."""
    if done <= 0:
        os._exit(1)
    for event in events:
        yield event
        done -= event.kind is ApplyEventKind.DONE
        if not done:
            os._exit(1)
