"""Many calls at once on one channel of every transport."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice

import pytest

from transportlab import model
from transportlab.context import Cancellation, Context
from transportlab.errors import (
    MAX_CALLS,
    Code,
    RpcError,
)
from transportlab.host import HostSession
from transportlab.methods import READ

Read = Callable[..., model.ReadReply]
Events = Callable[..., Generator[model.ApplyEvent, None, None]]

HANG_GUARD = 60.0
"""Seconds after which a wait in a test is taken for a hang; no verdict on speed."""


def test_many_threads_share_a_channel(read: Read, events: Events) -> None:
    def work(thread: int) -> None:
        for number in range(20):
            app = f"!echo:{thread}-{number}"
            assert read(app, timeout=HANG_GUARD).entries[0].command == app
        assert len(list(events("!events:20", timeout=HANG_GUARD))) == 21

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))


def test_a_fast_call_overtakes_a_slow_one(read: Read, events: Events) -> None:
    switch = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, "!sleep:60", cancellation=switch)
        stream = events("!events:2:60")
        assert next(stream).op_index == 0
        assert read("web", timeout=HANG_GUARD) == model.ReadReply()
        assert not slow.done()
        stream.close()
        switch.cancel()
        with pytest.raises(RpcError):
            slow.result(HANG_GUARD)


def test_more_than_128_calls_at_once_are_refused(read: Read) -> None:
    switch = Cancellation()

    def sleep() -> str:
        with pytest.raises(RpcError) as caught:
            read("!sleep:60", timeout=HANG_GUARD, cancellation=switch)
        return caught.value.details.reason or caught.value.code.name

    with ThreadPoolExecutor(MAX_CALLS + 12) as pool:
        calls = [pool.submit(sleep) for _ in range(MAX_CALLS + 12)]
        refused = [call.result() for call in islice(as_completed(calls, HANG_GUARD), 12)]
        switch.cancel()
        outcomes = Counter(call.result(HANG_GUARD) for call in calls)
    assert set(refused) == {"TOO_MANY_CALLS"}
    assert outcomes == {"TOO_MANY_CALLS": 12, "CANCELLED": MAX_CALLS}
    assert read("web") == model.ReadReply()


def test_a_write_waits_for_the_one_before(session: HostSession, events: Events) -> None:
    def apply() -> int:
        return len(list(events("!events:3:0.02")))

    stream = events("!events:2")
    assert next(stream)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(apply)
        time.sleep(0.1)
        assert not waiting.done()
        with pytest.raises(RpcError) as caught:
            list(events("!events:1", timeout=0.05))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        switch = Cancellation()
        threading.Timer(0.05, switch.cancel).start()
        with pytest.raises(RpcError) as caught:
            list(events("!events:1", cancellation=switch))
        assert caught.value.code is Code.CANCELLED
        assert session.channel.unary(READ, model.ReadRequest(), Context()) == model.ReadReply()
        stream.close()
        assert waiting.result(HANG_GUARD) == 4
