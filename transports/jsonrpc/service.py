"""The contract's methods as methods of JSON-RPC: params to requests, replies to results.

A method takes {"request": ..., "timeout_us": ...}; other params are ignored (P-CODEC-5). `cancel`
takes {"id": ...} and throws the switch of each call in flight that has this id (P-CANCEL-1).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from inspect import Parameter, Signature
from typing import Any

import msgspec
from jsonrpcserver import Error, Result, Success

from transportlab.backend import Backend
from transportlab.codecs import DecodeError
from transportlab.codecs.json import CODEC
from transportlab.context import Cancellation, Context
from transportlab.dispatch import Dispatcher, as_rpc_error
from transportlab.errors import MAX_MESSAGE_BYTES, RpcError
from transportlab.methods import METHODS, AnyMethod
from transports.jsonrpc.engine import ABSENT, Origin, Rpc
from transports.jsonrpc.errors import INVALID_PARAMS, to_wire

Send = Callable[[bytes], None]

_MAX_INT64 = 2**63 - 1


class Service:
    """A backend's methods by name; send writes one line (without LF) to the host."""

    def __init__(self, backend: Backend, send: Send) -> None:
        self._dispatcher = Dispatcher(backend)
        self._send = send
        self._lock = threading.Lock()
        self._switches: dict[Any, list[Cancellation]] = {}
        self._stopped = False

    def methods(self) -> dict[str, Rpc]:
        """The table for an Engine."""
        contract = {name: _Method(self, method) for name, method in METHODS.items()}
        return {**contract, "cancel": self.cancel}

    def stop(self) -> None:
        """Cancel the calls in flight and those that still come."""
        with self._lock:
            self._stopped = True
            switches = [switch for many in self._switches.values() for switch in many]
        for switch in switches:
            switch.cancel()

    def cancel(self, _origin: Origin, /, *_positional: Any, **members: Any) -> Result:
        """Throw the switches of the calls with the id in the params; others do not matter."""
        number = members.get("id")
        if isinstance(number, (str, int, float, type(None))):
            with self._lock:
                switches = list(self._switches.get(number, ()))
            for switch in switches:
                switch.cancel()
        return Success(None)

    def call(self, method: AnyMethod, origin: Origin, params: dict[str, Any]) -> Result:
        """Make one call; raises RpcError, or DecodeError for params that cannot be read."""
        timeout = _timeout(params)
        if "request" not in params:
            raise DecodeError("request", "missing")
        request = CODEC.convert(method.request, params["request"])
        if origin.line_size > MAX_MESSAGE_BYTES:
            CODEC.encode(request)  # measures the message, as distinct from its line (P-LIMIT-1)
        with self._switch(origin.id) as switch:
            context = Context(timeout=timeout, cancellation=switch)
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
        """Send each reply as an event, which belongs before the response (P-STREAM-1)."""
        number = None if origin.id is ABSENT else msgspec.json.encode(origin.id)
        with closing(self._dispatcher.stream(method, request, context)) as events:
            for event in events:
                data = CODEC.encode(event)
                if number is not None:
                    self._send(
                        b'{"jsonrpc":"2.0","method":"event","params":{"id":%b,"event":%b}}'
                        % (number, data)
                    )
                # A backend that does not look at its context is ended between events (P-STREAM-2).
                context.check()
        return Success(None)

    @contextmanager
    def _switch(self, number: Any) -> Iterator[Cancellation]:
        switch = Cancellation()
        with self._lock:
            self._switches.setdefault(number, []).append(switch)
            stopped = self._stopped
        if stopped:
            switch.cancel()
        try:
            yield switch
        finally:
            with self._lock:
                self._switches[number].remove(switch)
                if not self._switches[number]:
                    del self._switches[number]


class _Method:
    """One method of the contract, as the library calls it."""

    # Ready made, because the library asks for it at each call: any params, which are judged here.
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
