"""Operations that fail as the faults of _faults.py ask for."""

import os
import threading
import time
from collections.abc import Iterator

from transportlab import model
from transportlab.backend import Operations
from transportlab.backends._faults import Fault, Faults
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.model import ApplyEvent, ApplyEventKind, Entry, ErrorDetails, ReadReply


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
