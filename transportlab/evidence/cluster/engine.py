"""The connection to a Dask cluster: who is there, orders for workers, and what comes of them.

The rest of the package sees the Engine alone. dask.distributed is imported here, and only by a run
over many machines.
"""

import logging
import secrets
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import msgspec

from transportlab import __version__
from transportlab.errors import LabError, UsageError
from transportlab.evidence.cluster import remote

INSTALL = f"install transportlab {__version__}, of the same source, where its worker runs"
"""What to do about a worker that has no such package, or another."""

NAME = "transportlab"

LOGGERS = ("distributed", "distributed.client")
"""Dask's, which print tracebacks of what is told as an error here."""

CONNECT_SECONDS = 10
"""How long a scheduler may take to answer."""

FETCH_SECONDS = 30
"""How long an answer may take from its worker to this process."""


class Told(msgspec.Struct, frozen=True):
    """What has become of an order. data: the agent's answer; empty if there is a problem."""

    worker: str
    data: bytes = b""
    problem: str = ""


class Engine(Protocol):
    """A cluster. A worker is named by its address, and carries out one order at a time."""

    def workers(self) -> set[str]:
        """The addresses of the workers that are there. Raises LabError if the cluster is gone."""

    def give(self, worker: str, order: bytes) -> None:
        """Have the worker carry out an order."""

    def forget(self, worker: str) -> None:
        """Expect nothing more of the order that the worker has: it is gone."""

    def take(self) -> Iterator[Told]:
        """Tell what has become of the orders that are done, each once."""


class Dask:
    """The cluster of a Dask scheduler.

    As a context manager it ends, at its end, whatever of its orders is still being carried out.
    Raises UsageError if the address is none, and LabError if no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        _check(address)
        import distributed

        self._address = address
        self._token = secrets.token_hex(8)
        self._futures: dict[str, Any] = {}
        self._met: set[str] = set()
        self._refused: list[Told] = []
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._client = _connected(distributed.Client, address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._stop()
        finally:
            self._client.close()

    def workers(self) -> set[str]:
        """See Engine."""
        try:
            if self._client.status == "running":
                return set(self._client.nthreads())
        except (OSError, RuntimeError):
            pass
        raise LabError(f"--dask {self._address}: the scheduler is gone")

    def give(self, worker: str, order: bytes) -> None:
        """See Engine."""
        if worker not in self._met and (problem := self._lacking(worker)):
            self._refused.append(Told(worker, problem=problem))
            return
        self._met.add(worker)
        self._futures[worker] = self._client.submit(
            remote.call,
            self._token,
            order,
            key=f"transportlab-{secrets.token_hex(8)}",
            workers=[worker],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )

    def forget(self, worker: str) -> None:
        """See Engine."""
        if future := self._futures.pop(worker, None):
            future.cancel()

    def take(self) -> Iterator[Told]:
        """See Engine."""
        if self._client.status != "running":  # workers() tells it
            return
        while self._refused:
            yield self._refused.pop()
        for worker, future in list(self._futures.items()):
            if future.status != "pending":
                del self._futures[worker]
                yield _told(worker, future)

    def _lacking(self, worker: str) -> str:
        """Why a worker cannot take orders; empty if it can.

        A function that it cannot import would be the end of the worker, if it came as a task.
        """
        found = self._client.run(remote.present, workers=[worker], on_error="return").get(worker)
        return f"{found}; {INSTALL}" if isinstance(found, Exception) else ""

    def _stop(self) -> None:
        """End the agents that are at work, and wait until they have ended."""
        if not self._futures or self._client.status != "running":
            return
        busy = list(self._futures)
        for worker in busy:
            self.forget(worker)
        self._client.run(remote.stop, self._token, workers=busy, on_error="ignore")


def _check(address: str) -> None:
    """Raise UsageError for what is no address."""
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        if parts.hostname and parts.port:
            return
    except ValueError:
        pass
    raise UsageError(
        f"--dask {address}: expected the address of a Dask scheduler, such as tcp://HOST:8786"
    )


def _connected(client: Any, address: str) -> Any:
    """A client of the scheduler at an address. Raises LabError if none answers in time.

    Its own bound does not hold where a server takes the connection and says nothing, so it is made
    in a thread that need not be waited for.
    """
    made: SimpleQueue[Any] = SimpleQueue()

    def connect() -> None:
        try:
            found = client(address, timeout=CONNECT_SECONDS, name=NAME, set_as_default=False)
        except (OSError, ValueError) as error:
            found = error
        made.put(found)

    threading.Thread(target=connect, daemon=True).start()
    try:
        found = made.get(timeout=CONNECT_SECONDS)
    except Empty as error:
        found = error
    if isinstance(found, Exception):
        raise LabError(
            f"--dask {address}: no Dask scheduler answers within {CONNECT_SECONDS} s;"
            " `dask scheduler` starts one"
        ) from found
    return found


def _told(worker: str, future: Any) -> Told:
    """What an order has come to. What an agent raised is told as it is."""
    try:
        return Told(worker, future.result(timeout=FETCH_SECONDS))
    except LabError as error:
        return Told(worker, problem=str(error))
    except Exception as error:  # Dask hands on what was raised there, of whatever type
        return Told(worker, problem=f"{type(error).__name__}: {error}")
