"""Carries out tasks in several threads at once; the results come in the order of the tasks.

Tasks that have a key in common never run at once. A task whose result is in doubt, because others
ran beside it, is carried out once more, alone. Whatever ends the iteration ends the threads, too:
no task begins after that, and each that runs is waited for.
"""

import threading
from collections.abc import Callable, Generator, Hashable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

from msgspec import Struct

from transportlab.context import Cancellation

T = TypeVar("T")


class Task(Struct, Generic[T], frozen=True):
    """What to do.

    keys: what no other task may use meanwhile. doubts: whether a result may be the fault of what
    ran beside it.
    """

    run: Callable[[], T]
    keys: frozenset[Hashable] = frozenset()
    doubts: Callable[[T], bool] = lambda _: False


class Crew(Generic[T]):
    """So many threads for these tasks. stop: thrown at the end, so that what runs may end early."""

    def __init__(self, tasks: Sequence[Task[T]], jobs: int, stop: Cancellation) -> None:
        self._tasks, self._jobs, self._stop = tasks, jobs, stop
        self._left = list(range(len(tasks)))
        self._alone: list[int] = []
        self._running: list[int] = []
        self._beside: set[int] = set()
        self._over = False
        self._change = threading.Condition()
        # Its get() may be interrupted by a signal's handler, and takes no lock with it.
        self._done: SimpleQueue[tuple[int, T | None, BaseException | None]] = SimpleQueue()

    def results(self) -> Generator[T, None, None]:
        """The results, in the order of the tasks. Raises what a task raises."""
        threads = [
            threading.Thread(target=self._work, name=f"crew-{number}", daemon=True)
            for number in range(min(self._jobs, len(self._tasks)))
        ]
        early: dict[int, T] = {}
        try:
            for thread in threads:
                thread.start()
            for number in range(len(self._tasks)):
                while number not in early:
                    which, result, error = self._done.get()
                    if error is not None:
                        raise error
                    early[which] = result  # type: ignore[assignment]  # no error, so a result
                yield early.pop(number)
        finally:
            with self._change:
                self._over = True
                self._left.clear()
                self._alone.clear()
                self._change.notify_all()
            self._stop.cancel()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            number, again = found
            task = self._tasks[number]
            result, error = None, None
            try:
                result = task.run()
                doubtful = not again and number in self._beside and task.doubts(result)
            except BaseException as problem:  # it is raised where the results are read
                error, doubtful = problem, False
            with self._change:
                self._running.remove(number)
                if again and self._alone:
                    self._alone.remove(number)
                if doubtful and not self._over:
                    self._alone.append(number)
                self._change.notify_all()
            if not doubtful:
                self._done.put((number, result, error))

    def _next(self) -> tuple[int, bool] | None:
        """The next task, and whether it is to run alone; None if there is none any more."""
        with self._change:
            while self._left or self._alone or self._running:
                if self._alone:  # the first stays there while it runs, and keeps all others back
                    if not self._running:
                        self._running.append(self._alone[0])
                        return self._alone[0], True
                elif (free := self._free()) is not None:
                    self._left.remove(free)
                    self._running.append(free)
                    if len(self._running) > 1:
                        self._beside.update(self._running)
                    return free, False
                self._change.wait()
            return None

    def _free(self) -> int | None:
        used = frozenset().union(*(self._tasks[number].keys for number in self._running))
        return next((n for n in self._left if self._tasks[n].keys.isdisjoint(used)), None)
