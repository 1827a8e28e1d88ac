"""Opaque bytes there and back, from none to 16 MiB, beside the floor of the carriage.

By the transport it is a Read whose app is the payload and whose one entry brings it back, its codec
included. The floor is a raw echo of the same bytes over the same carriage, measured with the
transport's usual codec alone, as it has none.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from transportlab import model
from transportlab.context import Context
from transportlab.evidence.run.plan import Arm
from transportlab.evidence.run.session import Opened, Run
from transportlab.evidence.run.timing import Effort, Sample, many, timed

QUESTION = "What do bytes cost on their way there and back, by the transport and by its floor?"
UNIT = "s"

SIZES = (0, 64, 1024, 16 * 1024, 256 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024)

LARGE = 1024 * 1024
"""From here on one call after the warm-up has to do: each takes up to a tenth of a second."""


def measure(run: Run, opened: Opened) -> list[Sample]:
    """Both ways, by payload."""
    sizes = [size for size in SIZES if size <= run.effort.largest]
    found = []
    for size in sizes:
        taken = timed(echo_call(opened, size), effort_for(size, run.effort))
        found.append(many(f"bytes/{size}", "latency", taken))
    floor = floor_of(run.arm)
    if floor is not None:
        with floor(run.placement.pin_plugin) as echo:
            for size in sizes:
                taken = timed(floor_call(echo, size), effort_for(size, run.effort))
                found.append(many(f"floor/{size}", "latency", taken))
    return found


def floor_of(arm: Arm) -> Any:
    """The floor() of an arm's transport; None without a carriage, or for another codec."""
    name = f"transports.{arm.transport}.floor"
    if not arm.usual or find_spec(name) is None:
        return None
    return import_module(name).floor


def effort_for(size: int, effort: Effort) -> Effort:
    """The effort for a payload of so many bytes."""
    return effort if size < LARGE else replace(effort, seconds=effort.seconds / 4, least=1)


def echo_call(opened: Opened, size: int) -> Callable[[], object]:
    """A call that takes so many bytes there and back."""
    backend, request = opened.session.backend, model.ReadRequest("!echo:" + "x" * size)

    def call() -> None:
        if len(backend.read(request, Context()).entries[0].command) != len(request.app or ""):
            raise RuntimeError("the echo brought back something else")

    return call


def floor_call(echo: Callable[[bytes], bytes], size: int) -> Callable[[], object]:
    """As echo_call, by a floor."""
    payload = b"x" * size

    def call() -> None:
        if len(echo(payload)) != size:
            raise RuntimeError("the floor brought back something else")

    return call
