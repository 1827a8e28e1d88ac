"""For benchmarks: a call by grpcio alone, and bytes through grpcio without a codec.

The first is what the lab's own layers are measured against, the second the floor of the carriage.
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from transportlab.codecs import Pair
from transportlab.floor import Echo, Started, socket_child
from transportlab.methods import AnyMethod
from transports.grpc.client import GrpcChannel
from transports.grpc.wire import OPTIONS


def raw_call(
    channel: GrpcChannel, method: AnyMethod, _request: object, pair: Pair
) -> Callable[[], object]:
    """A function that makes the call, on a connection of its own to the same plugin."""
    write, read = pair
    connection = grpc.insecure_channel(f"unix:{channel.path}", options=OPTIONS)
    call: Any = connection.unary_unary(
        method.path, request_serializer=lambda _: write(), response_deserializer=read
    )
    return lambda: call(None, metadata=channel.metadata)


@contextmanager
def floor(started: Started) -> Iterator[Echo]:
    """The least that grpcio on a Unix socket can cost."""
    program = "import sys; from transports.grpc.floor import serve; serve(sys.argv[1])"
    with (
        socket_child(program, started) as path,
        grpc.insecure_channel(f"unix:{path}", options=OPTIONS) as connection,
    ):
        call: Any = connection.unary_unary("/floor/Echo")
        yield call


class _Handler(grpc.GenericRpcHandler):
    def service(self, handler_call_details: Any) -> Any:
        """Every method sends its request back, as bytes."""
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)


def serve(path: str) -> None:
    """The child's side of floor(), until stdin ends."""
    server = grpc.server(ThreadPoolExecutor(1), [_Handler()], options=OPTIONS)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    os.write(1, b"\n")
    sys.stdin.read()
    server.stop(None).wait()
