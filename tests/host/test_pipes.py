"""The threads beside a plugin: what they read of its pipes, and how they notice its end."""

import os
import subprocess
import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from transportlab.host.pipes import STDERR_LINES, Drain, Tail, Watch

HANG_GUARD = 30.0
MARK = b"CRONIX-PLUGIN-V"
PIECES = st.lists(
    st.sampled_from([b"\n", b"x", MARK, b"CRONIX", b"-PLUGIN-V1 stdio", b" ", b"\r\n"])
    | st.binary(min_size=1, max_size=300),
    max_size=30,
)


@given(PIECES)
def test_a_line_that_begins_like_a_handshake_is_seen_and_no_other(pieces: list[bytes]) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as stdout:
        drain = Drain(stdout)
        for piece in pieces:
            os.write(writer, piece)
            assert drain.pump()
        assert drain.pump()  # nothing there is not the end
        os.close(writer)
        assert not drain.pump()
    assert not drain.pump()
    lines = b"".join(pieces).split(b"\n")
    seen = any(line.startswith(MARK) for line in lines)
    assert (drain.second is not None) is seen


def test_of_a_long_log_the_last_lines_are_kept() -> None:
    tail = Tail("demo")
    for number in range(10 * STDERR_LINES):
        tail.take(b"%d\n" % number)
    assert tail.lines == tuple(map(str, range(9 * STDERR_LINES, 10 * STDERR_LINES)))


def test_a_pipe_that_is_closed_while_it_is_read_ends_and_reads_nobody_elses() -> None:
    failures: list[Exception] = []
    for _ in range(200):
        reader, writer = os.pipe()
        drain = Drain(open(reader, "rb", buffering=0))  # noqa: SIM115  # close() is what is tested
        os.write(writer, b"x")

        def pump(drain: Drain = drain) -> None:
            try:
                while drain.pump():
                    pass
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=pump) for _ in range(2)]
        for thread in threads:
            thread.start()
        drain.close()
        for thread in threads:
            thread.join()
        os.close(writer)
    assert failures == []


def test_a_watch_that_is_stopped_tells_nothing() -> None:
    told: list[str] = []
    with subprocess.Popen(["sleep", "60"]) as child:
        pidfd = os.pidfd_open(child.pid)
        watch = Watch(pidfd, lambda: told.append("ended"), lambda: told.append("lost"), 0.0)
        assert watch.stop()
        assert watch.stop()
        child.kill()
    os.close(pidfd)
    assert told == []


def test_a_watch_tells_the_end_and_then_that_nobody_came() -> None:
    told: list[str] = []
    with subprocess.Popen(["true"]) as child:
        pidfd = os.pidfd_open(child.pid)
        watch = Watch(pidfd, lambda: told.append("ended"), lambda: told.append("lost"), 0.01)
        end = time.monotonic() + HANG_GUARD
        while len(told) < 2 and time.monotonic() < end:
            time.sleep(0.005)
        assert watch.stop()
    os.close(pidfd)
    assert told == ["ended", "lost"]
