"""What a signal does to a command: an exception, or a switch where an exception could do harm."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from transportlab.cli.process import ENDING, STOP_SECONDS, Interrupts

HANG_GUARD = 30.0


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Of this process, for as long as the test lasts."""
    before = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    found = Interrupts()
    found.heed()
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_an_exception_and_its_repetition_nothing(
    interrupts: Interrupts, number: signal.Signals
) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    signal.raise_signal(number)
    signal.raise_signal(signal.SIGINT)
    assert interrupts.number == number
    assert interrupts.status == 128 + number


def test_a_signal_that_comes_after_a_stops_time_is_heeded_again(
    interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    interrupts._last = 0.0  # the clock that the test turns
    now[0] = STOP_SECONDS - 0.1
    signal.raise_signal(signal.SIGINT)
    now[0] = STOP_SECONDS + 0.1
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.number == signal.SIGHUP


def test_while_a_plugin_is_at_work_a_signal_throws_a_switch(interrupts: Interrupts) -> None:
    with interrupts.cancelling() as cancellation:
        assert not cancellation.cancelled
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancellation.wait(HANG_GUARD)
    assert interrupts.status == 143
    interrupts._last = -STOP_SECONDS
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_without_a_signal_nothing_is_thrown_and_nothing_stays(interrupts: Interrupts) -> None:
    with interrupts.cancelling() as cancellation:
        pass
    assert not cancellation.cancelled
    assert interrupts.number == 0


def test_what_nohup_has_had_ignored_stays_so(interrupts: Interrupts) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupts.heed()
    signal.raise_signal(signal.SIGHUP)
    assert interrupts.number == 0


def test_where_no_thread_is_to_be_had_a_signal_is_an_exception(
    interrupts: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with interrupts.cancelling() as cancellation, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    assert not cancellation.cancelled
