"""The conformance suite: one set of test vectors for every transport, and for any plugin.

    vectors.py      the types of spec/conformance/*.json, and how they are loaded
    reading.py      files of JSON, and where in them a mistake is
    generators.py   short forms for values in a vector
    patterns.py     what a reply must look like
    subject.py      the plugin under test
    attach.py       one that its author has started
    fixture.py      the directory and the crontab that each vector gets
    apps.py         app names of each vector's own
    steps.py        carries out the steps of one vector
    wire.py         those that are bytes
    ending.py       how a call ended, and whether the vector expects that
    attempt.py      one vector in one session
    runner.py       all vectors on all arms: start here
    arm.py          one transport with one codec, and how it carries out a vector
    oracle.py       compares the arms with each other
    result.py       what comes out
    standing.py     which vectors a revision requires, and which failures are expected
    report.py       how it is shown and written; markdown.py, badge.py and listing.py besides
    relay.py        stands between the suite and a plugin's wire
    transcript.py   what the relay saw; frames.py reads HTTP/2
    capsule.py      what is kept of one failure
    pytest_plugin.py  the vectors as tests of pytest
    host/           the suite of hosts
    mutants/        which vectors find which fault

docs/conformance.md is for authors of plugins and of vectors.
"""

from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject

__all__ = ["Options", "Subject", "run_matrix"]
