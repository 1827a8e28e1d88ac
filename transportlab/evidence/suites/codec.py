"""Every message of the contract to bytes and back, without a transport."""

from collections.abc import Callable
from functools import partial

from transportlab.codecs import load_codec
from transportlab.evidence.run.session import Run
from transportlab.evidence.run.timing import Effort, Sample, many, timed
from transportlab.evidence.run.workload import messages

QUESTION = "What does it cost to make bytes of a message, and a message of bytes?"
UNIT = "s"

SIZES = (10, 256)

SHARE = 6
"""Cases are many and calls short: each gets this part of the effort's time."""


def measure(run: Run) -> list[Sample]:
    """Encode and decode of each message type, at two sizes."""
    effort = Effort(run.effort.seconds / SHARE, run.effort.least, run.effort.most)
    return [
        many(case, metric, timed(call, effort))
        for (case, metric), call in cases(run.arm.codec).items()
    ]


def cases(codec_name: str) -> dict[tuple[str, str], Callable[[], object]]:
    """A call for each message type/jobs and direction."""
    codec = load_codec(codec_name)
    found: dict[tuple[str, str], Callable[[], object]] = {}
    for size in SIZES:
        for message in messages(size):
            case, data = f"{type(message).__name__}/{size}", codec.encode(message)
            found[case, "encode"] = partial(codec.encode, message)
            found[case, "decode"] = partial(codec.decode, type(message), data)
    return found


def sizes(codec_name: str) -> dict[str, int]:
    """Bytes of each message type/jobs."""
    codec = load_codec(codec_name)
    return {
        f"{type(message).__name__}/{size}": len(codec.encode(message))
        for size in SIZES
        for message in messages(size)
    }
