"""What FFI's channel adds to the bare library call: Read of ten entries, interleaved at random.

    python bench/ffi_overhead.py [CALLS]

The bare call is cronix_plugin_call with a request that has been encoded before, decoding the reply,
and cronix_plugin_release. The bound is 1.15 times that. The plugin's log on stderr goes away.
"""

import os
import random
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.channel import LibraryEndpoint
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.registry import load_transport
from transportlab.remote import RemoteBackend
from transports.ffi._abi import ffi
from transports.ffi.library import load
from transports.ffi.wire import CODECS, OK

ENTRIES = 10
REQUEST = model.ReadRequest("web")


def fill(backend: RemoteBackend) -> None:
    """A session with the entries."""
    names = [f"job-{number}" for number in range(ENTRIES)]
    jobs = tuple(
        model.DesiredJob(model.Job(name, ("*/5 * * * *",), "UTC"), ("0" * 64,)) for name in names
    )
    backend.open_session(model.OpenSessionRequest("1", PROTOCOL_VERSIONS), Context())
    plan = backend.plan(model.PlanRequest("web", jobs), Context())
    list(backend.apply(model.ApplyRequest(plan), Context()))


def bare(library: Any, session: object, codec: str) -> Callable[[], model.ReadReply]:
    """Read without the channel, in the given session."""
    coder = load_codec(codec)
    data = coder.encode(REQUEST)
    kept = ffi.new("char[]", b"Read"), ffi.from_buffer("uint8_t[]", data)
    call: Any = ffi.new("cronix_call *")
    call.struct_size, call.codec = ffi.sizeof("cronix_call"), CODECS[codec]
    call.method, call.request = kept
    call.request_len, call.session, call.timeout_us = len(data), session, -1

    def read(_: object = kept) -> model.ReadReply:
        if library.cronix_plugin_call(call) != OK:
            raise SystemExit("the bare call failed")
        reply = coder.decode(model.ReadReply, ffi.buffer(call.reply, call.reply_len)[:])
        library.cronix_plugin_release(call)
        return reply

    return read


def compare(path: Path, codec: str, calls: int) -> str:
    """One line: medians in microseconds, and their ratio."""
    with load_transport("ffi").connect(LibraryEndpoint(str(path)), codec=codec) as channel:
        backend = RemoteBackend(channel)
        fill(backend)
        session = channel._calls._session  # type: ignore[attr-defined]  # both arms read the same entries
        arms: list[Callable[[], model.ReadReply]] = [
            bare(load(str(path), codec), session, codec),
            lambda: backend.read(REQUEST, Context()),
        ]
        if not len(arms[0]().entries) == len(arms[1]().entries) == ENTRIES:
            raise SystemExit("the arms do not read the same")
        times: tuple[list[int], list[int]] = ([], [])
        for arm in random.sample([0, 1] * calls, 2 * calls):
            begin = perf_counter_ns()
            arms[arm]()
            times[arm].append(perf_counter_ns() - begin)
    floor, channels = (median(samples) / 1000 for samples in times)
    return f"{codec:10}bare {floor:7.1f} us   channel {channels:7.1f} us   {channels / floor:.3f}"


def main() -> None:
    """Both codecs."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for codec in CODECS:
        path = Path(sysconfig.get_path("scripts"), "cronix-backend-echo.so")
        print(compare(path, codec, calls))


if __name__ == "__main__":
    main()
