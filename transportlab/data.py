"""Where the project's data is, the specification and the committed evidence; and writing of files.

A wheel has it in transportlab/_data, in the same tree as the checkout (pyproject.toml says what is
in there). No other module of transportlab or transports looks for a file by where it stands itself.
"""

from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the packages transportlab and transports: the checkout, or site-packages."""

INSTALLED = ROOT / "transportlab" / "_data"
"""The data of an installed wheel; a checkout has no such folder."""

_TREE = INSTALLED if INSTALLED.is_dir() else ROOT

SPEC = _TREE / "spec"
"""The protocol, its derived documents, conformance vectors, claims, samples."""

EVIDENCE = _TREE / "evidence"
"""Evidence files, and tables that experiments made."""

RUNS = EVIDENCE / "runs"
"""The evidence files that REPORT.md is made of, by `make report`."""

ANY_RUN = "*.json*"
"""The files in there: compressed, or not."""


class _Named(FileIO):
    """A file whose error names it, which that of a full disk does not."""

    def write(self, data: Any) -> int:
        """See FileIO.write."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self.name
            raise


def open_to_write(path: Path, mode: str = "wb") -> BufferedWriter:
    """The file, opened to be written, or with "ab" to be added to. An OSError names it."""
    return BufferedWriter(_Named(path, mode))


def write_file(path: Path, data: str | bytes) -> None:
    """Write a file: text as UTF-8, with escapes for what that has not. An OSError names it."""
    with open_to_write(path) as file:
        file.write(data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace"))
