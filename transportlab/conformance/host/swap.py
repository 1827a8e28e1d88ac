"""Puts another file in a plugin's place as soon as somebody reads it.

A host that hashes a path and then runs the path runs the other file. inotify tells of the first
read, and the plugin's file is large enough for the swap to come before its last byte is hashed.
"""

import ctypes
import os
import select
import threading
from pathlib import Path

IN_ACCESS = 1

WAIT_MS = 50
"""How often the thread looks whether it is still wanted."""


class Swapper:
    """A context manager, within which a read of `path` brings `other` there."""

    def __init__(self, path: Path, other: Path, by: str) -> None:
        self._path, self._other, self._by = path, other, by
        self._over = threading.Event()

    def __enter__(self) -> "Swapper":
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_CLOEXEC)
        added = libc.inotify_add_watch(self._watch, os.fsencode(self._path), IN_ACCESS)
        if self._watch < 0 or added < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()
        return self

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._watch, select.POLLIN)
        while not self._over.is_set():
            if poll.poll(WAIT_MS):
                self._swap()
                return

    def _swap(self) -> None:
        if self._by == "rename":
            os.replace(self._other, self._path)
        else:
            with self._path.open("r+b") as file:
                file.write(self._other.read_bytes())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._watch)
