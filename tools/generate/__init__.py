"""Writes every file that is derived from the contract.

    python -m tools.generate          write every derived file
    python -m tools.generate --check  name the files that are not current; exit status 1 if any

What is derived for one transport is derived in that transport's folder, by the function derive()
of transports/<name>/derive.py; a transport without that module derives nothing. The modules here
derive what belongs to no transport. Nothing imports this package at run time.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The root of the project. Derived files are named by their paths from here."""
