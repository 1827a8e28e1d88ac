"""What the tests of agents share."""

import socket
import time
from collections.abc import Iterator

import pytest

from transportlab.evidence.cluster import agent


@pytest.fixture
def occupied() -> Iterator[None]:
    """Another agent seems to be at work on this machine, so others wait."""
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                lock.bind(agent.LOCK)
                break
            except OSError:  # one really is: that of a test in another process
                time.sleep(agent.LOOK_SECONDS)
        yield
