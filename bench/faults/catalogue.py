"""The faults: where in a session each one strikes, what it does there, and where it does not apply.

The host has short bounds here, so that many runs take minutes. A few more runs use a host's default
bounds.
"""

from dataclasses import dataclass
from enum import StrEnum

CALL = 0.3
"""Deadline of the calls that a fault strikes, in seconds."""

MARGIN = 1.0
"""How long after a call's deadline the host must have control again, in seconds."""

SHORT_CLOSE, SHORT_STOP = 0.3, 1.2
"""Short bounds of CloseSession and of the ladder after it, in seconds."""

STOP_BOUND = 5.0
"""What a stop may take in all with the default bounds, which are 1 s and 4 s."""

SHORT_START = 0.5
"""Bound of the handshake and of OpenSession if a fault makes the host wait for it, in seconds."""


class Point(StrEnum):
    """Where a fault strikes."""

    START = "before the handshake"
    OPEN = "in OpenSession"
    READ = "in Read"
    APPLY = "in Apply"
    STOP = "at the stop"


PROGRAM = "a library has no stdout, no socket and no start of its own"
CALL_ONLY = "a library's wire is a function call"
EXIT = "a library has no exit of its own"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave.

    hangs: the call runs into its deadline.
    no_library, no_worker: why there is no such fault in a library, or in a library in a worker.
    full: the crontab is on a small disk, which fills.
    leaves: the kind of thing (in a Census) of which it leaves one behind; empty if it leaves none.
    """

    name: str
    title: str
    point: Point
    hangs: bool = False
    no_library: str = ""
    no_worker: str = ""
    full: bool = False
    leaves: str = ""


FAULTS = (
    Fault("exit-0-at-start", "exits with 0", Point.START),
    Fault("exit-3-at-start", "exits with 3 and a word on stderr", Point.START),
    Fault("hang-at-start", "never writes its line", Point.START, hangs=True),
    Fault("noise", "prints something else first", Point.START, no_library=PROGRAM,
          no_worker="what a library prints goes to stderr in a worker"),
    Fault("never-reads", "never reads a request (of 1 MiB)", Point.OPEN, hangs=True,
          no_library=CALL_ONLY, no_worker="a worker reads, whatever its library does"),
    Fault("panic", "raises an exception", Point.READ),
    Fault("exit-0", "exits with 0", Point.READ),
    Fault("exit-3", "exits with 3 and a word on stderr", Point.READ),
    Fault("heir", "exits with 3, and leaves a child that holds its wire", Point.READ),
    Fault("segv", "is killed by SIGSEGV", Point.READ),
    Fault("memory", "is killed by the kernel for its memory", Point.READ),
    Fault("hang", "hangs", Point.READ, hangs=True),
    Fault("sigstop", "is stopped with SIGSTOP", Point.READ, hangs=True),
    Fault("close-wire", "closes its socket or pipe, and hangs", Point.READ, hangs=True,
          no_library=CALL_ONLY),
    Fault("garbage", "answers garbage, and hangs", Point.READ, hangs=True, no_library=CALL_ONLY),
    Fault("panic-in-apply", "raises after the second of three ops", Point.APPLY),
    Fault("exit-3-in-apply", "exits with 3 after the second of three ops", Point.APPLY),
    Fault("kill-in-write", "gets SIGKILL in the write of the third op", Point.APPLY,
          leaves="files"),  # the crontab's next version, which the next write removes
    Fault("hang-in-apply", "hangs after the second of three ops", Point.APPLY, hangs=True),
    Fault("disk-full", "fills the disk before the third op", Point.APPLY, full=True),
    Fault("hang-in-close", "hangs in CloseSession", Point.STOP, hangs=True),
    Fault("sigstop-in-close", "is stopped with SIGSTOP in CloseSession", Point.STOP, hangs=True),
    Fault("ignores-stdin", "does not end with its stdin", Point.STOP, no_library=EXIT),
    Fault("ignores-sigterm", "ends neither with its stdin nor by SIGTERM", Point.STOP,
          no_library=EXIT),
    Fault("grandchild", "leaves a child that holds stderr", Point.STOP),
    Fault("daemon", "leaves a child that holds stderr, in a session of its own", Point.STOP,
          leaves="process"),
)  # fmt: skip


def fault_named(name: str) -> Fault:
    """Return the fault of that name. Raises KeyError."""
    return {fault.name: fault for fault in FAULTS}[name]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that a host is given for CloseSession and for the ladder, in seconds."""

    close: float
    stop: float

    @property
    def limit(self) -> float:
        """How long a whole stop may take: its steps, and a margin."""
        return (
            max(self.close + self.stop, STOP_BOUND)
            if self == DEFAULT
            else (self.close + self.stop + MARGIN / 2)
        )


SHORT = Bounds(SHORT_CLOSE, SHORT_STOP)
DEFAULT = Bounds(1.0, 4.0)
BRIEF = Bounds(0.1, 0.4)
"""For tests: what is left behind does not depend on how long a stop may take."""

BOUNDS = {"short": SHORT, "default": DEFAULT, "brief": BRIEF}


def control_limit(fault: Fault, bounds: Bounds) -> float:
    """Return how long after a fault's strike the host must have control again, in seconds."""
    if fault.point is Point.STOP:
        return bounds.limit
    if fault.point in (Point.START, Point.OPEN):  # a start that fails also stops the plugin
        return SHORT_START + MARGIN + bounds.limit
    return CALL + MARGIN
