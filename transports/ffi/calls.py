"""The calls of one session: their structs, how they end early, and the end of the session.

A call is in one of three states:

    state      meaning                                           close() does
    crossing   a thread is in the library, or about to enter     sets its flag: cancelled
    idle       a stream whose consumer may never come back       ends it
    over       released                                          nothing

Whoever ends the last call stops the session, so no session stops under a running call. close()
waits for that, but only CLOSE_SECONDS: nothing can interrupt a library.
"""

import threading
from typing import Any

from transportlab.errors import ChannelClosed, TransportError
from transports.ffi._abi import ffi
from transports.ffi.library import Library

CLOSE_SECONDS = 5.0
"""How long close() waits for calls in flight: as long as the host gives a process to stop."""

Struct = Any
"""A cronix_call."""

_STRUCT = ffi.typeof("cronix_call *")


class Calls:
    """One session and its calls. Safe to use from several threads."""

    def __init__(self, library: Library, codec: int) -> None:
        self._library = library
        self._codec = codec
        self.session = library.cronix_plugin_start()
        if self.session == ffi.NULL:
            raise TransportError("the plugin could not start a session")
        # Reentrant: an abandoned stream may be collected, and so ended, at any allocation.
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._closed = self._stopping = False
        self._unreleased = 0
        self._calls: set[Struct] = set()
        self._idle: set[Struct] = set()
        self._spare: list[Struct] = []

    @property
    def closed(self) -> bool:
        """Whether close() has been called."""
        return self._closed

    def begin(self) -> Struct:
        """Return a struct for one call, whose reply and state are empty."""
        with self._lock:
            self._check()
            call = self._spare.pop() if self._spare else self._new()
            self._calls.add(call)
            self._unreleased += 1
        return call

    def _check(self) -> None:
        if self._closed:
            raise ChannelClosed("the channel is closed")

    def _new(self) -> Struct:
        call: Struct = ffi.new(_STRUCT)
        call.struct_size = ffi.sizeof("cronix_call")
        call.codec = self._codec
        call.session = self.session
        return call

    def end(self, call: Struct, *, reuse: bool = False) -> None:
        """Release the call, unless close() has. reuse: nobody else has the struct any more."""
        with self._lock:
            if call not in self._calls:
                return
            self._calls.discard(call)
            self._idle.discard(call)
        try:
            self._library.cronix_plugin_release(call)
        finally:  # also if KeyboardInterrupt comes in between
            if reuse:
                clear(call)
                call.state = ffi.NULL
            with self._lock:
                self._unreleased -= 1
                if reuse:
                    self._spare.append(call)
            if self._closed:
                self._stop_after_the_last()

    def pause(self, call: Struct) -> None:
        """Make the call idle until resume(). Raises ChannelClosed after close()."""
        with self._lock:
            self._check()
            self._idle.add(call)

    def resume(self, call: Struct) -> None:
        """Go on with the call. Raises ChannelClosed if close() has ended it."""
        with self._lock:
            self._check()
            self._idle.discard(call)

    def close(self) -> None:
        """Cancel or end all calls and wait for the session's stop. A second time does nothing."""
        with self._lock:
            self._closed = True
            idle = list(self._idle)
            for call in self._calls:
                call.cancelled = 1
        for call in idle:
            self.end(call)
        self._stop_after_the_last()
        self._stopped.wait(CLOSE_SECONDS)

    def _stop_after_the_last(self) -> None:
        with self._lock:
            if self._unreleased or self._stopping:
                return
            self._stopping = True
        try:
            self._library.cronix_plugin_stop(self.session)
        finally:
            self._stopped.set()


def clear(call: Struct) -> None:
    """Take the reply out of the struct: a plugin expects to find none."""
    call.reply = ffi.NULL
    call.reply_len = 0
