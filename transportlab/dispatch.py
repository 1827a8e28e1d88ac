"""Calls the backend for every transport's plugin side: a request in, a reply or an RpcError out.

A transport decodes the request, calls here, and encodes what comes back. It never sees another
exception than RpcError. The bound on calls at once is kept here, for all transports alike.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from transportlab.backend import Backend
from transportlab.context import Context
from transportlab.errors import (
    MAX_CALLS,
    Code,
    LabError,
    RpcError,
    too_many_calls,
    unknown_method,
)
from transportlab.methods import Method
from transportlab.model import ErrorDetails

Q = TypeVar("Q")
R = TypeVar("R")


class Dispatcher:
    """Calls a backend, and turns whatever it raises into RpcError.

    Safe to use from several threads.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        # A list's pop() and append() are atomic, and cost a tenth of a semaphore's.
        self._places = [None] * MAX_CALLS

    def _take_place(self) -> None:
        try:
            self._places.pop()
        except IndexError:
            raise too_many_calls() from None

    def _operation(self, method: Method[Q, R]) -> Callable[[Q, Context], Any]:
        operation: Callable[[Q, Context], Any] | None = getattr(
            self._backend, method.attribute, None
        )
        if operation is None:
            raise unknown_method(method.name)
        return operation

    def unary(self, method: Method[Q, R], request: Q, context: Context) -> R:
        """Call a method that has one reply. The order of checks is that of P-RPC-3."""
        try:
            context.check()
            self._take_place()
            try:
                reply: R = self._operation(method)(request, context)
            finally:
                self._places.append(None)
        except (Exception, SystemExit) as error:
            raise as_rpc_error(error, context) from error
        return reply

    def stream(self, method: Method[Q, R], request: Q, context: Context) -> Generator[R]:
        """Call a method that has any number of replies; closing the iterator ends the call."""
        try:
            context.check()
            self._take_place()
            try:
                yield from self._operation(method)(request, context)
            finally:
                self._places.append(None)
        except (Exception, SystemExit) as error:
            raise as_rpc_error(error, context) from error


def as_rpc_error(error: BaseException, context: Context) -> RpcError:
    """The RpcError for whatever a backend raised.

    An RpcError stays itself, the lab's other errors become UNKNOWN with their text. Anything else
    is a bug and becomes INTERNAL; its traceback goes to the plugin's log, never to the host
    (P-ERR-5). Secrets of the session's configuration are hidden in all of them (P-SESSION-4).
    """
    log = context.log
    if isinstance(error, RpcError):
        return log.redactor.error(error)
    if isinstance(error, LabError):
        return log.redactor.error(RpcError(Code.UNKNOWN, str(error)))
    import traceback  # a start need not wait for it

    log("error", "the backend failed", traceback=traceback.format_exc())
    who = f"the backend {log.who}".rstrip()
    panic = RpcError(
        Code.INTERNAL,
        f"{who} failed: {type(error).__name__}: {_text(error)}",
        ErrorDetails("PANIC", action="report this to the plugin's author, with its log"),
    )
    return log.redactor.error(panic)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a bug in the text of a bug
        return "(its text cannot be made)"
