"""The conformance suite: one body of vectors over every transport, and over any plugin.

vectors.py is the language of spec/conformance/*.json, load.py reads it, values.py and match.py are
what stands in it, steps.py and attempt.py carry a vector out, runner.py runs vectors over arms,
oracle.py holds arms against each other, report.py and writers.py tell. docs/conformance.md
describes all of it.
"""

from transportlab.conformance.runner import Options, Subject, run_matrix

__all__ = ["Options", "Subject", "run_matrix"]
