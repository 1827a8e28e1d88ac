"""The contract's methods as methods of JSON-RPC: params become requests, replies become results.

A method takes {"request": ..., "timeout_us": ...}; other params are ignored (P-CODEC-5). `cancel`
takes {"id": ...} and cancels each call in flight that has this id (P-JSONRPC-4). Which thread makes
a call is server.py's.
"""

import threading
from collections.abc import Callable
from contextlib import closing
from inspect import Parameter, Signature
from typing import Any

import msgspec
from jsonrpcserver.result import Error, Result, Success

from transportlab.backend import Backend
from transportlab.codecs import DecodeError
from transportlab.codecs.json import CODEC
from transportlab.context import Cancellation, Context
from transportlab.dispatch import Dispatcher, as_rpc_error
from transportlab.errors import MAX_MESSAGE_BYTES, RpcError
from transportlab.methods import METHODS, AnyMethod
from transports.jsonrpc.engine import Rpc, is_id
from transports.jsonrpc.wire import INVALID_PARAMS, to_wire

Send = Callable[[bytes], None]

_MAX_INT64 = 2**63 - 1


class Origin(msgspec.Struct, frozen=True):
    """Where a call comes from: its id as JSON (None for a notification) and its line's bytes.

    switch cancels the call.
    """

    id: bytes | None
    line_size: int
    switch: Cancellation


class Delivery:
    """The requests on one line, each with the switch that cancels it."""

    def __init__(self, requests: Any, line_size: int) -> None:
        self.requests = requests
        self._line_size = line_size
        elements = requests if isinstance(requests, list) else [requests]
        self.switches = {
            each["id"]: Cancellation()
            for each in elements
            if isinstance(each, dict) and "id" in each and is_id(each["id"])
        }
        self.unnamed = Cancellation()

    def cancel(self) -> None:
        """Cancel all of them."""
        for switch in (*self.switches.values(), self.unnamed):
            switch.cancel()

    def origin(self, request: Any) -> Origin:
        """The first argument of the request's method."""
        number = request.get("id") if isinstance(request, dict) else None
        if not is_id(number) or number not in self.switches:
            return Origin(None, self._line_size, self.unnamed)
        return Origin(msgspec.json.encode(number), self._line_size, self.switches[number])


class Service:
    """A backend's methods by name; send writes one line (without LF) to the host."""

    def __init__(self, backend: Backend, send: Send) -> None:
        self._dispatcher = Dispatcher(backend)
        self._send = send
        self._lock = threading.Lock()
        self._deliveries: set[Delivery] = set()
        self._stopped = False

    def methods(self) -> dict[str, Rpc]:
        """The table for an Engine."""
        contract = {name: _Method(self, method) for name, method in METHODS.items()}
        return {**contract, "cancel": self.cancel}

    def accept(self, delivery: Delivery) -> None:
        """Let `cancel` find the calls of a line. Done before the next line is looked at."""
        with self._lock:
            self._deliveries.add(delivery)
            stopped = self._stopped
        if stopped:
            delivery.cancel()

    def finish(self, delivery: Delivery) -> None:
        """Forget a line that has been answered."""
        with self._lock:
            self._deliveries.discard(delivery)

    def stop(self) -> None:
        """Cancel the calls in flight and those that still come."""
        with self._lock:
            self._stopped = True
            deliveries = list(self._deliveries)
        for delivery in deliveries:
            delivery.cancel()

    def cancel(self, _origin: Origin, /, *_positional: Any, **members: Any) -> Result:
        """Cancel the calls that have the id in the params. Any other params do nothing."""
        number = members.get("id")
        if "id" in members and is_id(number):
            with self._lock:
                deliveries = list(self._deliveries)
            for delivery in deliveries:
                if number in delivery.switches:
                    delivery.switches[number].cancel()
        return Success(None)

    def call(self, method: AnyMethod, origin: Origin, params: dict[str, Any]) -> Result:
        """Make one call; raises RpcError, or DecodeError for params that cannot be read."""
        timeout = _timeout(params)
        if "request" not in params:
            raise DecodeError("request", "missing")
        request = CODEC.convert(method.request, params["request"])
        if origin.line_size > MAX_MESSAGE_BYTES:
            CODEC.encode(request)  # measures the message by itself, without its line (P-LIMIT-1)
        context = Context(timeout=timeout, cancellation=origin.switch)
        try:
            if method.streams:
                return self._stream(method, request, context, origin)
            reply = self._dispatcher.unary(method, request, context)
            return Success(msgspec.Raw(CODEC.encode(reply)))
        except Exception as error:
            raise as_rpc_error(error, context) from error

    def _stream(
        self, method: AnyMethod, request: object, context: Context, origin: Origin
    ) -> Result:
        """Send each reply as an event, before the response (P-JSONRPC-3)."""
        with closing(self._dispatcher.stream(method, request, context)) as events:
            for event in events:
                data = CODEC.encode(event)
                if origin.id is not None:
                    self._send(
                        b'{"jsonrpc":"2.0","method":"event","params":{"id":%b,"event":%b}}'
                        % (origin.id, data)
                    )
                # For a backend that does not look at its context itself (P-STREAM-2).
                context.check()
        return Success(None)


class _Method:
    """One method of the contract, as the library calls it."""

    # The library asks for the signature at each call, so it is made once. It allows any params:
    # __call__ judges them.
    __signature__ = Signature(
        [
            Parameter("positional", Parameter.VAR_POSITIONAL),
            Parameter("members", Parameter.VAR_KEYWORD),
        ]
    )

    def __init__(self, service: Service, method: AnyMethod) -> None:
        self._service = service
        self._method = method

    def __call__(self, origin: Origin, /, *positional: Any, **members: Any) -> Result:
        try:
            if positional:
                raise DecodeError("params", "positional; name them: request, timeout_us")
            return self._service.call(self._method, origin, members)
        except DecodeError as error:
            return Error(**to_wire(error.to_rpc_error(), INVALID_PARAMS))
        except RpcError as error:
            return Error(**to_wire(error))


def _timeout(params: dict[str, Any]) -> float | None:
    """Seconds until the deadline (P-DEADLINE-1); absent and null mean none."""
    value = params.get("timeout_us")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INT64:
        raise DecodeError("timeout_us", "not an integer of microseconds")
    return value / 1e6
