"""The plugin's side: a grpcio server of generic handlers, with no code per RPC."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

from transportlab.auth import check_secret
from transportlab.backend import Backend
from transportlab.channel import Lifecycle, SocketEndpoint
from transportlab.codecs import Codec, DecodeError, load_codec
from transportlab.context import Cancellation, Context
from transportlab.dispatch import Dispatcher, as_rpc_error
from transportlab.errors import (
    MAX_CALLS,
    Code,
    RpcError,
    TransportError,
    unknown_method,
)
from transportlab.methods import METHODS, SERVICE, AnyMethod
from transportlab.model import ErrorDetails
from transports.grpc.wire import (
    CODEC_KEY,
    SECRET_KEY,
    SERVER_OPTIONS,
    STATUS_KEY,
    grpc_message,
)

_METHODS = {method.path: method for method in METHODS.values()}

_STATUS = {code.value[0]: code for code in grpc.StatusCode}

STOP_SECONDS = 1.0
"""How long calls in flight may take to end once the plugin is told to stop."""


class _Handlers(grpc.GenericRpcHandler):
    """Finds a call's handler by its path and its codec."""

    def __init__(self, dispatcher: Dispatcher, codec: str, secret: str) -> None:
        self._dispatcher = dispatcher
        self._codecs = {codec: load_codec(codec)}
        self._secret = secret

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        name, secrets = "", []
        for key, value in call.invocation_metadata:
            if key == SECRET_KEY:
                secrets.append(str(value))
            elif key == CODEC_KEY:
                name = name or str(value)
        name = name or "protobuf"
        spoken = "json" if name == "json" else "protobuf"
        handler = _Call(self._dispatcher, self._codec(spoken), call.method)
        try:
            check_secret(secrets, self._secret)
        except RpcError as error:  # P-AUTH-2
            return handler.refuse(error)
        if name != spoken:
            return handler.refuse(_unknown_codec(name))
        if handler.method is not None and handler.method.streams:
            return grpc.unary_stream_rpc_method_handler(handler.stream)
        return grpc.unary_unary_rpc_method_handler(handler.unary)

    def _codec(self, name: str) -> Codec:
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = load_codec(name)
        return codec


class _Call:
    """One call, from request bytes to reply bytes."""

    def __init__(self, dispatcher: Dispatcher, codec: Codec, path: str) -> None:
        self._dispatcher = dispatcher
        self._codec = codec
        self._name = path.removeprefix(f"/{SERVICE}/")
        self.method = _METHODS.get(path)

    def unary(self, data: bytes, call: grpc.ServicerContext) -> bytes:
        context = Context()
        try:
            method, request, context = self._start(data, call)
            return self._codec.encode(self._dispatcher.unary(method, request, context))
        except Exception as error:  # grpcio would send the text to the client as it is
            self._fail(as_rpc_error(error, context), call)

    def refuse(self, error: RpcError) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """A handler that ends the call with the error and does not look at its request.

        It takes a stream of requests, of which grpcio reads none before it is asked for one: a
        message of 64 MiB without the secret would be held in memory first.
        """

        def end(_requests: Iterator[bytes], call: grpc.ServicerContext) -> bytes:
            self._fail(error, call)

        return grpc.stream_unary_rpc_method_handler(end)

    def stream(self, data: bytes, call: grpc.ServicerContext) -> Iterator[bytes]:
        context = Context()
        try:
            method, request, context = self._start(data, call)
            for reply in self._dispatcher.stream(method, request, context):
                yield self._codec.encode(reply)
        except Exception as error:  # as in unary
            self._fail(as_rpc_error(error, context), call)

    def _start(self, data: bytes, call: grpc.ServicerContext) -> tuple[AnyMethod, object, Context]:
        if self.method is None:
            raise unknown_method(self._name)
        switch = Cancellation()
        if not call.add_callback(switch.cancel):
            switch.cancel()
        try:
            request = self._codec.decode(self.method.request, data)
        except DecodeError as error:
            raise error.to_rpc_error() from error
        remaining: float | None = call.time_remaining()
        return self.method, request, Context(timeout=remaining, cancellation=switch)

    def _fail(self, error: RpcError, call: grpc.ServicerContext) -> NoReturn:
        status = error.to_status()
        call.set_trailing_metadata(((STATUS_KEY, self._codec.encode(status)),))
        call.abort(_STATUS[status.code], grpc_message(status.message))


def _unknown_codec(name: str) -> RpcError:
    """For a call in a codec that there is not (P-GRPC-2)."""
    details = ErrorDetails("UNKNOWN_CODEC", expected="protobuf, json", got=name)
    return RpcError(Code.UNIMPLEMENTED, f'unknown codec "{name}"', details)


def serve(backend: Backend, endpoint: SocketEndpoint, codec: str, life: Lifecycle) -> None:
    """Serve on the Unix socket until life.wait() returns."""
    # More workers than MAX_CALLS, so that refusing one call too many has a thread to run on.
    server = grpc.server(ThreadPoolExecutor(MAX_CALLS + 8), options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((_Handlers(Dispatcher(backend), codec, endpoint.secret),))
    _bind(server.add_insecure_port, endpoint.path)
    server.start()
    life.ready()
    life.wait()
    server.stop(STOP_SECONDS).wait()


def _bind(add_port: Callable[[str], Any], path: str) -> None:
    mask = os.umask(0o177)
    try:
        add_port(f"unix:{path}")
    except RuntimeError as error:
        raise TransportError(f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(mask)
