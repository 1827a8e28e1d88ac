"""Writes what cronix's maintainer would merge, as a folder that stands alone.

    python -m tools.proposal --out FOLDER [--question Q-NNN] [--decision D-NNN]

The record's two entries, the protocol and the vectors are copied from spec/; texts/ has what is for
cronix alone. `make cronix-proposal` writes out/cronix-proposal. Nothing imports this package.
"""
