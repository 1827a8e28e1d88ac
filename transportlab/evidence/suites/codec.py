"""Every message of the contract, encoded and decoded, without a transport."""

from collections.abc import Callable
from functools import partial

from transportlab.codecs import load_codec
from transportlab.evidence.record import Sample
from transportlab.evidence.run.task import Task
from transportlab.evidence.run.timing import Effort, timed
from transportlab.evidence.run.workload import messages

QUESTION = "What does it cost to make bytes of a message, and a message of bytes?"
UNIT = "s"

SIZES = (10, 256)

SHARE = 6
"""There are many cases and each call is short, so a case gets this part of the effort's time."""


def measure(task: Task) -> list[Sample]:
    """Encode and decode of each type of message, at two sizes."""
    effort = Effort(task.effort.seconds / SHARE, task.effort.least, task.effort.most)
    return [
        task.arm.many(case, metric, timed(call, effort))
        for (case, metric), call in cases(task.arm.codec).items()
    ]


def cases(codec_name: str) -> dict[tuple[str, str], Callable[[], object]]:
    """A call by case, which is type/jobs, and by direction, "encode" or "decode"."""
    codec = load_codec(codec_name)
    found: dict[tuple[str, str], Callable[[], object]] = {}
    for size in SIZES:
        for message in messages(size):
            case, data = f"{type(message).__name__}/{size}", codec.encode(message)
            found[case, "encode"] = partial(codec.encode, message)
            found[case, "decode"] = partial(codec.decode, type(message), data)
    return found


def sizes(codec_name: str) -> dict[str, int]:
    """The bytes of each message, by type/jobs."""
    codec = load_codec(codec_name)
    return {
        f"{type(message).__name__}/{size}": len(codec.encode(message))
        for size in SIZES
        for message in messages(size)
    }
