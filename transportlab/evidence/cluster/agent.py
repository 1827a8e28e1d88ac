"""An agent: the process that plans and measures on one machine of a cluster, for one order.

    python -m transportlab.evidence.cluster.agent

It reads an Order from stdin, one line of JSON, and writes an Answer to stdout. It ends early when
its stdin ends. If it fails, the last line of stderr says why.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from transportlab.errors import LabError
from transportlab.evidence.record import Evidence
from transportlab.evidence.run.machine import without_places
from transportlab.evidence.run.plan import Key
from transportlab.evidence.run.runner import CONFORMANCE, EvidenceRun, Options, compile_modules
from transportlab.sdk.program import claim_stdout

CONFORMED: Key = (CONFORMANCE, "", 0)
"""Stands for the conformance matrix among the blocks of a plan."""

LOCK = "\0transportlab-evidence-agent"
"""The name of a socket that only one agent of a machine can have. It leaves no file."""

PATIENCE = 3600.0
"""Seconds to wait for another agent: longer than any block takes."""

LOOK_SECONDS = 0.2
"""How often a waiting agent looks whether it is its turn."""

STOP_SECONDS = 8.0
"""How long an agent that is to end may take: a measuring process has 6 s to stop its plugin."""


class Order(msgspec.Struct, frozen=True):
    """What an agent is to do: measure the block of that key, or without one describe its machine.

    The other members are those of the run's Options. seed: the machine's own.
    """

    profile: str
    seed: int
    suites: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    key: Key | None = None


class Answer(msgspec.Struct, frozen=True):
    """The file of a run on this machine with nothing in it but what was ordered.

    plan: the keys of all blocks that this machine would measure, in the order of its seed.
    """

    evidence: Evidence
    plan: list[Key]


def answer(order: Order) -> Answer:
    """Carry out an order in this process. Raises LabError, and KeyboardInterrupt if interrupted."""
    with alone():
        run = EvidenceRun(
            Options(order.profile, Path(os.devnull), order.seed, order.suites, arms=order.arms)
        )
        blocks = {block.key: block for block in run.plan}
        plan = [*blocks, *([CONFORMED] if run.has_conformance else [])]
        if order.key is None:
            compile_modules()
        elif order.key not in plan:
            raise LabError(f"there is no block {order.key} in the plan of this machine")
        elif order.key == CONFORMED:
            run.conform()
        else:
            run.evidence.blocks += run.measure(blocks[order.key])
    return Answer(run.evidence, plan)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other agent is at work on this machine, whoever has started it.

    One may be left from a run that was killed; two may be workers that know the machine by
    different addresses. Raises LabError.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                lock.bind(LOCK)
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise LabError(f"another agent measures here: {error.strerror}") from error
            time.sleep(LOOK_SECONDS)
        yield


def main() -> None:
    """Read the order, print the answer; the reason in the last line of stderr if that fails."""
    # A worker that was started in the background may ignore it, and its children would as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = claim_stdout()
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    try:
        threading.Thread(target=_heed_end_of_stdin, daemon=True).start()
        found = answer(order)
    except LabError as error:
        lines = without_places(str(error)).splitlines()
        sys.exit("; ".join(line.strip() for line in lines))
    except KeyboardInterrupt:
        sys.exit("stopped")
    out.write(msgspec.json.encode(found))


def _heed_end_of_stdin() -> None:
    """Interrupt this process at the end of its stdin, and end it if that takes too long."""
    while os.read(0, 1):  # a thread that waits in sys.stdin would be in the way of an exit
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
