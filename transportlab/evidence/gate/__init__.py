"""The handshake gate: whether this build of a plugin has become slower to its first answer.

decide.py is the statistics, measure.py the clock, band.py a stored reference for when there is no
base build, run.py the whole, output.py what CI reads of it, selftest.py the gate's own rates.
docs/handshake-gate.md is the user's page.
"""
