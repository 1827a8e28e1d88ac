"""Where the project's data is: the specification, and the committed evidence.

A wheel has it in transportlab/_data, in the same tree as the checkout (pyproject.toml says what is
in there). No other module of transportlab or transports looks for a file by where it stands itself.
"""

from pathlib import Path

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
