"""The progress of a run on stderr: a bar on a terminal, elsewhere a line for each block.

The time that is left is estimated from the blocks of each kind that this run has done.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import mean

Tell = Callable[[str], None]
"""Is called with a name when a block begins."""


class Clock:
    """Estimates the time that is left. todo: the kind of each block of the run, in order."""

    def __init__(self, todo: Sequence[str], now: Callable[[], float] = time.monotonic) -> None:
        self._todo, self._now = list(todo), now
        self._taken: dict[str, list[float]] = defaultdict(list)
        self._begun: float | None = None
        self.done = 0

    def begin(self) -> None:
        """Note that the next block begins, and that the one before it has ended."""
        now = self._now()
        if self._begun is not None:
            self._taken[self._todo[self.done]].append(now - self._begun)
            self.done += 1
        self._begun = now

    def left(self) -> float | None:
        """Seconds until the end; None before the first block has ended.

        A kind that has had no block yet is taken to last as long as the others.
        """
        known = {kind: mean(taken) for kind, taken in self._taken.items()}
        if not known:
            return None
        usual = mean(known.values())
        return sum(known.get(kind, usual) for kind in self._todo[self.done :])

    def text(self) -> str:
        """The time that is left, for people; empty before the first block has ended."""
        left = self.left()
        return "" if left is None else f"about {_duration(left)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def progress(todo: Sequence[str]) -> Iterator[Tell]:
    """A function to be called with a name when each block begins. todo: as for Clock."""
    clock = Clock(todo)
    total = len(todo)
    if not sys.stderr.isatty():

        def line(what: str) -> None:
            clock.begin()
            print(f"{clock.done + 1}/{total} {what} {clock.text()}".rstrip(), file=sys.stderr)

        yield line
        return
    from rich.console import Console  # see cli/out.py
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, left="")

        def advance(what: str) -> None:
            clock.begin()
            bar.update(task, description=what, completed=clock.done, left=clock.text())

        yield advance
