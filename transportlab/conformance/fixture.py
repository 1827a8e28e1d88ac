"""What each vector gets for itself: a fresh directory, and in it a crontab with foreign lines.

A line is foreign if the plugin does not own it. After a vector the foreign lines must be the same
bytes in the same order. Which lines are foreign is decided here from the format alone, so that a
mistake in the backend's own parser does not hide itself.
"""

import contextlib
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from transportlab.conformance.vectors import Vector
from transportlab.errors import LabError

MOST = 4 * 1024 * 1024
"""Bytes of {file} that are read: a thousand times what a vector makes, and soon looked through."""

FOREIGN = b"""\
# m h dom mon dow command
MAILTO=ops@example.net
SHELL=/bin/sh

*/5 * * * *\t/usr/local/bin/collect --all  # every 5 minutes
0 4 * * 0 /usr/bin/find /tmp -mtime +7 -delete
@reboot /opt/app/start >/dev/null 2>&1
# cronix is told elsewhere: trigger is its verb
30 2 * * * /usr/bin/pg_dump -Fc app | gzip > /backup/app-$(date +\\%F).gz
"""
"""A crontab as people write them, without a line of cronix's."""

_MARK = re.compile(rb"# cronix:owned app=(\S+) job=(\S+) ")
_NOTE = b"# cronix:line-end "
_RUNS = re.compile(rb"\strigger [a-z][a-z0-9-]*\.[a-z][a-z0-9-]*(?=\s|$)")


class FileProblem(LabError):
    """The plugin left something at {file} that is no file to be read: a failure of the plugin."""


class Fixture:
    """The directory of one vector: `folder`, with the crontab `file`. remove() deletes it.

    A plugin can put anything at `file`. read() and write() never wait for it, and are bounded.
    """

    def __init__(self, vector: Vector) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tl-conf-"))
        self.file = self.folder / "crontab"
        data = FOREIGN if vector.file is None else vector.file.data()
        if data is not None:
            self.file.write_bytes(data)
        self._foreign = foreign_digest(data or b"")

    def config(self, template: Mapping[str, str]) -> dict[str, str]:
        """The config, with {dir} and {file} in its values replaced by the real paths."""
        places = {"{dir}": str(self.folder), "{file}": str(self.file)}
        return {name: _filled(value, places) for name, value in template.items()}

    def neutral(self, text: str) -> str:
        """The text, with the directory's name replaced by {dir}, so that two runs compare equal."""
        return text.replace(str(self.folder), "{dir}")

    def harmed(self) -> bool:
        """Whether a foreign line was changed, removed or added. Raises FileProblem."""
        return foreign_digest(self.read()) != self._foreign

    def read(self) -> bytes:
        """The bytes of the file; none if there is no file. Raises FileProblem."""
        try:
            descriptor = self._open(os.O_RDONLY)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise FileProblem(f"the file at {{file}} cannot be read: {error.strerror}") from error
        with open(descriptor, "rb") as file:
            data = file.read(MOST + 1)
        if len(data) > MOST:
            raise FileProblem(f"the file at {{file}} is over {MOST} bytes long")
        return data

    def write(self, data: bytes) -> None:
        """Replace what is in the file, as an operator's editor does. Raises FileProblem."""
        try:
            descriptor = self._open(os.O_WRONLY)
        except OSError as error:
            raise FileProblem(
                f"the file at {{file}} cannot be written: {error.strerror}"
            ) from error
        with open(descriptor, "wb") as file:
            file.truncate(0)
            file.write(data)
        self._foreign = foreign_digest(data)

    def _open(self, flags: int) -> int:
        """The file's descriptor. Does not wait for the other end of a pipe, and opens no device."""
        _check_regular(self.file.stat().st_mode)
        descriptor = os.open(self.file, flags | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_regular(os.fstat(descriptor).st_mode)
        except FileProblem:
            os.close(descriptor)
            raise
        return descriptor

    def remove(self) -> None:
        """Delete the directory, whatever rights the plugin has left in it."""
        for parent, folders, _ in os.walk(self.folder):
            for path in (Path(parent, name) for name in folders):
                if not path.is_symlink():
                    with contextlib.suppress(OSError):
                        path.chmod(stat.S_IRWXU)
        shutil.rmtree(self.folder, ignore_errors=True)


KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "something else")
        raise FileProblem(f"expected a regular file at {{file}}, got {kind}")


def _filled(text: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def foreign_digest(data: bytes) -> str:
    """SHA-256 over the foreign lines of a crontab: not owned, and not such that Adopt may own them.

    A mark whose line is gone is foreign as well: nobody may change it. The end of the last line is
    left out, because a line that is added after it completes it.
    """
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    kept = [
        line
        for above, line in zip([b"", *lines], lines, strict=False)
        if not (_RUNS.search(line) or line.startswith(_NOTE) or _owns(line, above))
    ]
    kept[-1:] = [line.removesuffix(b"\r") for line in kept[-1:]]
    return hashlib.sha256(b"\n".join(kept)).hexdigest()


def _owns(line: bytes, above: bytes) -> bool:
    mark = _MARK.match(line)
    return mark is not None and b"trigger %b.%b" % (mark[1], mark[2]) in above
