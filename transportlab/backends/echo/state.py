"""The echo backend's entries in a JSON file, which each change replaces whole.

    {"version": 1, "entries": [{"app", "job", "index", "hash", "schedule", "command"}, ...]}

An entry with an empty hash is unmarked. Each call reads the file anew, so that processes that share
it see each other's changes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from transportlab.sdk import Code, Context, ErrorDetails, RpcError
from transportlab.store import MAX_SCHEDULES, Entry, is_hash, is_name
from transportlab.store.file import LockedFile, SharedFile

VERSION = 1

_MEMBERS = ("app", "job", "index", "hash", "schedule", "command")


class StateFile:
    """State in a file. A file that is not there holds no entries; the first save makes it."""

    def __init__(self, path: str) -> None:
        self._file = SharedFile(path, "state")

    def load(self) -> tuple[Entry, ...]:
        """See State.load. Raises FAILED_PRECONDITION if the file holds something else."""
        return self._parse(self._file.read())

    @contextmanager
    def locked(self, context: Context) -> Iterator["LockedStateFile"]:
        """See State.locked."""
        with self._file.locked(context) as file:
            yield LockedStateFile(file, self._parse(file.read()))

    def _parse(self, data: bytes | None) -> tuple[Entry, ...]:
        if data is None:
            return ()
        try:
            return parse(data)
        except ValueError as error:
            raise RpcError(
                Code.FAILED_PRECONDITION,
                f"{self._file.path}: {error}",
                ErrorDetails(
                    "STATE_UNREADABLE",
                    path=self._file.path,
                    expected=f"a state of version {VERSION}",
                    got=str(error),
                    action="correct the file, or move it away to start anew",
                ),
            ) from error


class LockedStateFile:
    """Sole access to the file, as a LockedState."""

    def __init__(self, file: LockedFile, entries: tuple[Entry, ...]) -> None:
        self._file = file
        self.entries = entries

    def save(self, entries: tuple[Entry, ...]) -> None:
        """See LockedState.save."""
        self._file.write(render(entries))
        self.entries = entries


def render(entries: tuple[Entry, ...]) -> bytes:
    """The file's bytes: one entry on each line, for people who read it."""
    lines = [json.dumps({name: getattr(entry, name) for name in _MEMBERS}) for entry in entries]
    body = ",\n  ".join(lines)
    return f'{{"version": {VERSION}, "entries": [\n  {body}\n]}}\n'.encode()


def parse(data: bytes) -> tuple[Entry, ...]:
    """The entries in the file's bytes. Raises ValueError with what is wrong and where."""
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from error
    if not isinstance(state, dict) or state.keys() != {"version", "entries"}:
        raise ValueError('not an object of "version" and "entries"')
    if (version := json.dumps(state["version"])) != str(VERSION):
        raise ValueError(f"unknown version {version}")
    if not isinstance(state["entries"], list):
        raise ValueError("entries: not an array")
    return tuple(_entry(value, f"entries/{i}") for i, value in enumerate(state["entries"]))


def _entry(value: object, path: str) -> Entry:
    if not isinstance(value, dict) or value.keys() != set(_MEMBERS):
        raise ValueError(f"{path}: not an object of {', '.join(_MEMBERS)}")
    index = value["index"]
    if type(index) is not int or not 0 <= index < MAX_SCHEDULES:
        raise ValueError(f"{path}/index: not an integer from 0 to {MAX_SCHEDULES - 1}")
    for member in ("app", "job"):
        if not is_name(_text(value, member, path)):
            raise ValueError(f"{path}/{member}: not a name")
    if (digest := _text(value, "hash", path)) and not is_hash(digest):
        raise ValueError(f"{path}/hash: not a hash")
    schedule, command = _text(value, "schedule", path), _text(value, "command", path)
    return Entry(value["app"], value["job"], index, digest, schedule, command)


def _text(value: dict[str, object], member: str, path: str) -> str:
    text = value[member]
    if not isinstance(text, str) or not _is_unicode(text):
        raise ValueError(f"{path}/{member}: not a text")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
