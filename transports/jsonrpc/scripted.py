"""The scripted plugin's side of JSON-RPC: lines on the pipes, each call in a thread of its own.

transportlab/conformance/host/scripted.py loads it by its path; it imports nothing of this package.
"""

import json
import os
import threading
from typing import Any

Message = dict[str, Any]


class Call:
    """A call with its id."""

    def __init__(self, plugin: Any, lock: threading.Lock, value: Message) -> None:
        params = value.get("params") or {}
        self.method, self.request = value.get("method"), params.get("request")
        self.id, self._plugin, self._lock = value["id"], plugin, lock
        self.facts = {"timeout_us": params.get("timeout_us"), "id": self.id}

    def _send(self, **members: Any) -> None:
        self.raw(json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\n")

    def reply(self, message: Message) -> None:
        """Send the response."""
        self._send(result=message, id=self.id)

    def reply_bytes(self, size: int | None) -> None:
        """Send a response whose result is no message."""
        self._send(result=5 if size is None else {"pad": "x" * size}, id=self.id)

    def event(self, message: Message) -> None:
        """Send the notification of an event."""
        self._send(method="event", params={"id": self.id, "event": message})

    def end(self) -> None:
        """Send the response of a stream."""
        self._send(result=None, id=self.id)

    def error(self, code: str, message: str, details: Message) -> None:
        """Send an error."""
        data = {"code": code, "details": details}
        number = -32000 - self._plugin.number_of(code)
        self._send(error={"code": number, "message": message, "data": data}, id=self.id)

    def raw(self, data: bytes) -> None:
        """Write these bytes; {id} in them is the call's."""
        with self._lock:
            self._plugin.write_all(
                self._plugin.wire_out, data.replace(b"{id}", json.dumps(self.id).encode())
            )

    def cut(self) -> None:
        """End stdout."""
        os.close(self._plugin.wire_out)


def serve(plugin: Any) -> None:
    """Read lines until stdin ends."""
    plugin.ready()
    lock = threading.Lock()
    with os.fdopen(plugin.wire_in, "rb", closefd=False) as lines:
        for line in lines:
            value = json.loads(line) if line.strip() else {}
            if "id" in value:
                call = Call(plugin, lock, value)
                threading.Thread(target=plugin.call, args=(call,), daemon=True).start()
            elif value:
                plugin.note("notified", method=value.get("method"), params=value.get("params"))
    plugin.ended()
