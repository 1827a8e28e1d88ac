"""Opaque bytes there and back, from none to 16 MiB, beside the floor of the carriage.

A carriage is how a transport moves bytes. With the whole transport the call is a Read whose app is
the payload and whose one entry brings it back, so the codec is included. The floor is a raw echo of
the same bytes over the same carriage. It has no codec, so it is measured only beside the
transport's usual one.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.arms import FAULTS
from transportlab.evidence.record import Arm, Sample
from transportlab.evidence.run.task import Opened, Task
from transportlab.evidence.run.timing import Effort, timed
from transportlab.registry import transport_module

QUESTION = "What do bytes cost on their way there and back, by the transport and by its floor?"
UNIT = "s"

SIZES = (0, 64, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024)

LARGE = 1024 * 1024
"""From this size on one call after the warm-up is enough: each takes up to a tenth of a second."""

NEEDS = (FAULTS,)


def measure(task: Task, opened: Opened) -> list[Sample]:
    """The latency of each payload, over the transport and over its floor."""
    sizes = [size for size in SIZES if size <= task.effort.largest]
    found = []
    for size in sizes:
        taken = timed(echo_call(opened, size), effort_for(size, task.effort))
        found.append(task.arm.many(f"bytes/{size}", "latency", taken))
    floor = floor_of(task.arm)
    if floor is not None:
        with floor(task.placement.pin_plugin) as echo:
            for size in sizes:
                taken = timed(floor_call(echo, size), effort_for(size, task.effort))
                found.append(task.arm.many(f"floor/{size}", "latency", taken))
    return found


def floor_of(arm: Arm) -> Any:
    """The floor() of the arm's transport; None if it has none or the codec is not the usual one."""
    module = transport_module(arm.transport, "floor") if arm.usual else None
    return None if module is None else module.floor


def effort_for(size: int, effort: Effort) -> Effort:
    """The effort for a payload of that many bytes."""
    return effort if size < LARGE else replace(effort, seconds=effort.seconds / 4, least=1)


def echo_call(opened: Opened, size: int) -> Callable[[], object]:
    """A call that takes that many bytes there and back over the transport."""
    backend, request = opened.session.backend, model.ReadRequest("!echo:" + "x" * size)

    def call() -> None:
        if len(backend.read(request, Context()).entries[0].command) != len(request.app or ""):
            raise RuntimeError("the echo brought back something else")

    return call


def floor_call(echo: Callable[[bytes], bytes], size: int) -> Callable[[], object]:
    """A call that takes that many bytes there and back over the floor."""
    payload = b"x" * size

    def call() -> None:
        if len(echo(payload)) != size:
            raise RuntimeError("the floor brought back something else")

    return call
