"""Deadlines and cancellation, as a backend and a transport see them."""

import threading
import time

import pytest

from transportlab.context import Cancellation, Context, InFlight, PolledCancellation
from transportlab.errors import ChannelClosed, Code, RpcError


def test_a_callback_runs_once_when_the_switch_is_thrown() -> None:
    switch, calls = Cancellation(), []
    switch.on_cancel(lambda: calls.append(1))
    switch.cancel()
    switch.cancel()
    assert calls == [1]


def test_a_late_callback_runs_at_once() -> None:
    switch, calls = Cancellation(), []
    switch.cancel()
    switch.on_cancel(lambda: calls.append(1))()
    assert calls == [1]


def test_a_callback_that_is_taken_back_does_not_run() -> None:
    switch, calls = Cancellation(), []
    forget = switch.on_cancel(lambda: calls.append(1))
    forget()
    forget()
    switch.cancel()
    assert not calls


def test_waiting_ends_when_another_thread_throws_the_switch() -> None:
    switch = Cancellation()
    threading.Timer(0.02, switch.cancel).start()
    assert switch.wait(60)
    assert switch.cancelled


def test_waiting_without_news_says_so() -> None:
    assert not Cancellation().wait(0.001)
    assert not PolledCancellation(lambda: False).wait(0.001)


def test_a_polled_switch_finds_out_by_itself() -> None:
    gone = threading.Event()
    switch = PolledCancellation(gone.is_set)
    assert not switch.cancelled
    threading.Timer(0.02, gone.set).start()
    assert switch.wait(60)


def test_a_polled_switch_runs_callbacks_from_a_watching_thread() -> None:
    gone, told = threading.Event(), threading.Event()
    switch = PolledCancellation(gone.is_set)
    forget = switch.on_cancel(told.set)
    gone.set()
    assert told.wait(60)
    forget()


def test_a_watching_thread_ends_when_its_callback_is_taken_back() -> None:
    before = set(threading.enumerate())
    forget = PolledCancellation(lambda: False).on_cancel(lambda: None)
    (watching,) = set(threading.enumerate()) - before
    forget()
    watching.join(60)
    assert not watching.is_alive()


def test_check_passes_without_deadline_and_switch() -> None:
    Context().check()
    assert Context().remaining() is None


def test_a_deadline_ends_a_wait_early() -> None:
    begin = time.monotonic()
    with pytest.raises(RpcError) as caught:
        Context(timeout=0.01).wait(60)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert time.monotonic() - begin < 30


def test_a_switch_ends_a_wait_early() -> None:
    switch = Cancellation()
    threading.Timer(0.01, switch.cancel).start()
    with pytest.raises(RpcError) as caught:
        Context(cancellation=switch).wait(60)
    assert caught.value.code is Code.CANCELLED


def test_a_wait_that_is_not_disturbed_returns() -> None:
    began = time.monotonic()
    Context(timeout=60).wait(0.001)
    assert 0.001 <= time.monotonic() - began < 60


def test_calls_in_flight_are_cancelled_by_close_and_by_their_caller() -> None:
    calls, caller = InFlight(), Cancellation()
    with calls.call(caller) as first, calls.call(None) as second:
        caller.cancel()
        assert first.cancelled
        assert not second.cancelled
        calls.close()
        assert second.cancelled
        assert calls.closed
    with pytest.raises(ChannelClosed), calls.call(None):
        pass
