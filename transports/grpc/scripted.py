"""The scripted plugin's side of gRPC: a grpcio server of bytes.

transportlab/conformance/host/scripted.py loads it by its path.
"""

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

Message = dict[str, Any]

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 1 << 20),
]
DAY_US = 86_400_000_000
"""grpcio tells a time for a call without a deadline too; it is longer than any deadline here."""

END = object()


class Call:
    """A call whose answers go through a queue to the thread in which grpcio wants them."""

    def __init__(self, plugin: Any, name: str, data: bytes, context: Any) -> None:
        metadata = context.invocation_metadata()
        codec = next((v for k, v in metadata if k == "cronix-codec"), "protobuf")
        secrets = [v for k, v in metadata if k == "cronix-secret"]
        decode, self._encode = plugin.messages(codec)
        left = context.time_remaining()
        timeout = None if left is None or left * 1e6 > DAY_US else int(left * 1e6)
        self.method, self.request = name, decode(name, "request", data)
        self.facts = {"timeout_us": timeout, "secret": plugin.judge(secrets)}
        self._plugin, self._codec, self._context = plugin, codec, context
        self.plain = False
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def reply(self, message: Message) -> None:
        """Send the reply."""
        self.answers.put(self._encode(self.method, "reply", message))

    def reply_bytes(self, size: int | None) -> None:
        """Send a reply that is no message."""
        wrong = b"5" if self._codec == "json" else b"\xff\xff\xff"
        self.answers.put(wrong if size is None else b"x" * size)

    def event(self, message: Message) -> None:
        """Send an event."""
        self.reply(message)

    def end(self) -> None:
        """End the stream well."""
        self.answers.put(END)

    def error(self, code: str, message: str, details: Message) -> None:
        """End with an error."""
        self.answers.put((code, message, details))

    def cut(self) -> None:
        """End the connection, which only the end of the process does."""
        os._exit(0)

    def fail(self, code: str, message: str, details: Message) -> NoReturn:
        """Raise the error, in the thread that grpcio wants it in."""
        import grpc

        number = self._plugin.number_of(code)
        status = {"code": number, "message": message, "details": details}
        data = self._encode(self.method, "status", status)
        if not self.plain:
            self._context.set_trailing_metadata((("cronix-status-bin", data),))
        known = [one for one in grpc.StatusCode if one.value[0] == number]
        self._context.abort(known[0] if known else grpc.StatusCode.UNKNOWN, message[:200])
        raise AssertionError("abort() raises")


def serve(plugin: Any) -> None:
    """Listen, and answer until stdin ends."""
    sys.path[:0] = plugin.path
    import grpc

    def begun(name: str, data: bytes, context: Any) -> Call:
        call = Call(plugin, name, data, context)
        threading.Thread(target=plugin.call, args=(call,), daemon=True).start()
        return call

    def unary(name: str) -> Callable[[bytes, Any], bytes]:
        def answer(data: bytes, context: Any) -> bytes:
            call = begun(name, data, context)
            found = call.answers.get()
            return found if isinstance(found, bytes) else call.fail(*found)

        return answer

    def stream(name: str) -> Callable[[bytes, Any], Iterator[bytes]]:
        def answers(data: bytes, context: Any) -> Iterator[bytes]:
            call = begun(name, data, context)
            while (found := call.answers.get()) is not END:
                yield found if isinstance(found, bytes) else call.fail(*found)

        return answers

    class Handlers(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> Any:
            name = call.method.rpartition("/")[2]
            if name == "Apply":
                return grpc.unary_stream_rpc_method_handler(stream(name))
            return grpc.unary_unary_rpc_method_handler(unary(name))

    server = grpc.server(ThreadPoolExecutor(16), options=OPTIONS)
    server.add_generic_rpc_handlers((Handlers(),))
    os.umask(0o177)
    server.add_insecure_port(f"unix:{plugin.socket}")
    server.start()
    plugin.ready()
    plugin.drain()
