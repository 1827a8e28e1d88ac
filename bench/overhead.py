"""RemoteBackend against the same call by the transport's library alone, in one open session.

There are two forms of the raw call. `library` is the transport's library with the codec's own form
of a message (with protobuf: a message made beforehand, and the reply left as it is). `carriage` has
the lab's codec on both sides, so the ratio to it leaves out what the lab's messages cost. With JSON
the two are the same, as msgspec has no form of its own.
"""

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from statistics import median
from sysconfig import get_path

from transportlab.channel import EndpointKind
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.evidence.run import workload
from transportlab.host import HostSession
from transportlab.registry import load_transport, transport_names

BOUND = 1.15
"""Bound of a call over the library's. Who measures prints it."""

WARM_UP, ROUNDS = 20, 60

LIBRARY, CARRIAGE, REMOTE = "library", "carriage", "RemoteBackend"

Call = Callable[[], object]


def wires() -> list[tuple[str, str, bool]]:
    """Return each transport that has a wire, with each of its codecs, and whether it can run."""
    library = Path(get_path("scripts"), "cronix-backend-echo.so")
    found = []
    for name in transport_names():
        traits = load_transport(name).traits
        here = traits.endpoint is not EndpointKind.LIBRARY or library.exists()
        found += [(name, codec, here) for codec in traits.codecs if traits.wire]
    return found


def arms(session: HostSession, transport: str, codec: str, rpc: str, size: int) -> dict[str, Call]:
    """Return an RPC's call for so many jobs by the library, with the lab's codec, and remote."""
    method, request = workload.requests(size)[rpc]
    floor = import_module(f"transports.{transport}.floor")
    channel, spoken = session.wire, load_codec(codec)
    operation = getattr(session.backend, method.attribute)
    pairs = {
        LIBRARY: spoken.alone(request, method.reply),
        CARRIAGE: spoken.pair(request, method.reply),
    }
    raw = {arm: floor.raw_call(channel, method, request, pair) for arm, pair in pairs.items()}
    return {**raw, REMOTE: lambda: operation(request, Context())}


def medians(
    calls: dict[str, Call], draw: Random, rounds: int = ROUNDS, warm_up: int = WARM_UP
) -> dict[str, float]:
    """Return the median seconds of each arm. A round has one call of each, in random order."""
    seconds: dict[str, list[float]] = {arm: [] for arm in calls}
    for number in range(warm_up + rounds):
        for arm in draw.sample(list(calls), len(calls)):
            begin = time.perf_counter()
            calls[arm]()
            if number >= warm_up:
                seconds[arm].append(time.perf_counter() - begin)
    return {arm: median(values) for arm, values in seconds.items()}
