"""The suite of hosts finds seeded faults: each mutant fails the vectors that are named for it."""

import shlex
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from transportlab.conformance.host.command import PLACES, parse_template
from transportlab.conformance.host.runner import HostOptions, run_host
from transportlab.conformance.host.vectors import HostVector, load_host_vectors
from transportlab.conformance.result import Outcome, Status

MUTANT = Path(__file__).parents[1] / "mutants" / "host.py"
VECTORS = {vector.id: vector for vector in load_host_vectors()}

SPOKEN = ("jsonrpc", "http")
"""The transports that the mutant has."""

BOUND = 10.0
"""Seconds a command may take here: some mutants are found by a wait that never ends."""

KILLS = {
    # discovery
    "other-prefix": "finds-a-plugin-by-its-name",
    "own-only": "finds-a-plugin-in-home",
    "needs-its-variable": "searches-without-a-directory-of-its-own",
    "missing-directory-ends": "goes-past-a-directory-that-is-not-there",
    "home-first": "the-first-directory-wins",
    "tells-no-hidden": "a-hidden-plugin-is-reported",
    "skips-what-cannot-run": "no-search-past-a-match-that-is-not-executable"
    " no-search-past-a-match-that-is-a-directory no-search-past-a-match-that-is-a-broken-link",
    "skips-errors": "no-search-past-a-directory-that-cannot-be-searched"
    " no-search-past-a-directory-without-the-right",
    "searches-path": "path-is-not-searched",
    "searches-here": "the-working-directory-is-not-searched",
    "paths-are-names": "a-path-is-taken-as-it-is",
    "any-name": "a-name-is-of-small-letters a-name-has-at-most-63-characters",
    "missing-is-fine": "an-unknown-name-is-an-error",
    # trust
    "hashes-the-path": "a-pinned-plugin-runs a-pinned-binary-runs",
    "first-sum-only": "one-of-several-sums-is-enough",
    "ignores-pins": "another-file-than-the-pinned-one-does-not-run",
    "runs-without-a-pin": "a-plugin-without-a-pin-does-not-run-beside-pins",
    "pins-by-sum": "a-pin-of-another-name-is-no-pin",
    "pins-for-names-only": "a-pin-holds-for-a-path-too",
    "any-digits": "a-sum-is-64-lower-case-digits",
    "hashes-and-then-runs": "the-pinned-bytes-run-from-a-copy"
    " a-file-renamed-over-it-while-it-is-hashed-does-not-run"
    " bytes-written-into-it-while-it-is-hashed-do-not-run"
    " a-link-redirected-while-it-is-hashed-does-not-run",
    "looks-at-no-modes": "a-file-that-others-can-write-does-not-run",
    "looks-at-the-file-only": "a-file-in-a-directory-that-others-can-write-does-not-run"
    " a-link-into-a-directory-that-others-can-write-does-not-run"
    " a-link-in-a-directory-that-others-can-write-does-not-run",
    "last-digit-only": "a-file-that-a-group-can-write-does-not-run",
    "looks-at-no-owners": "a-file-of-another-user-does-not-run",
    "a-pin-is-enough": "a-pinned-file-that-others-can-write-does-not-run",
    # start
    "inherits-the-environment": "the-environment-is-allow-listed",
    "empty-environment": "what-is-allowed-is-inherited",
    "one-variable-only": "the-operator-names-more-variables",
    "tells-no-transport": "the-plugin-is-told-what-is-wanted",
    "always-a-socket": "a-pipe-needs-no-socket",
    "config-in-arguments": "there-are-no-arguments",
    "shares-its-group": "it-leads-a-process-group",
    "leaks-a-descriptor": "it-has-three-pipes-and-nothing-else",
    "open-directory": "the-socket-is-in-a-private-directory",
    "one-directory-for-all": "each-start-has-a-directory-of-its-own",
    "any-path": "a-long-tmpdir-makes-no-long-path a-socket-path-has-plain-characters",
    "any-tmpdir": "no-start-where-others-can-put-a-directory",
    "any-core": "no-core-of-the-plugin-is-written",
    "late-core": "the-core-limit-comes-before-the-secret",
    # secret
    "no-secret": "the-secret-is-the-first-line-of-stdin",
    "more-on-stdin": "nothing-else-is-on-stdin",
    "shows-the-secret-once": "each-call-carries-the-secret-once",
    "one-secret-for-all": "each-start-has-a-new-secret",
    "secret-in-the-environment": "the-secret-is-not-in-the-environment",
    "hides-nothing": "a-secret-in-the-log-is-hidden a-secret-in-an-error-is-hidden"
    " a-secret-in-the-handshake-line-is-hidden a-secret-in-last-words-is-hidden"
    " a-secret-in-a-log-line-is-hidden a-secret-in-a-refusal-is-hidden"
    " a-secret-in-the-last-words-is-hidden a-secret-of-config-shown-by-an-event-error-is-hidden",
    "asks-no-peer": "a-listener-of-another-user-is-refused",
    # handshake
    "asks-for-words": "a-plain-line-is-enough",
    "known-keys-only": "unknown-keys-are-ignored",
    "short-buffer": "a-line-of-4096-bytes-is-taken",
    "no-bound": "a-line-of-4097-bytes-is-refused",
    "waits-for-ever": "no-line-in-5-seconds-is-an-error a-closed-stdout-is-an-error"
    " an-exit-before-the-line-is-told",
    "no-bound-and-no-end": "endless-noise-is-refused",
    "ignores-the-wait": "the-wait-for-the-line-can-be-longer",
    "impatient": "a-slow-line-is-waited-for",
    "one-read": "a-line-in-pieces-is-put-together",
    "an-exit-with-0-is-fine": "an-exit-with-0-before-the-line-is-an-error",
    "half-a-line-is-fine": "half-a-line-is-an-error",
    "skips-lines": "an-empty-line-comes-not-before-it noise-comes-not-before-it",
    "any-version": "another-version-of-the-line-is-refused",
    "any-version-that-begins-so": "a-version-that-only-begins-with-1-is-refused",
    "assumes-the-endpoint": "a-line-without-an-endpoint-is-refused",
    "free-words": "a-word-without-a-value-is-refused",
    "any-bytes": "a-line-that-is-no-utf-8-is-refused",
    "any-transport": "another-transport-ends-the-start",
    "any-endpoint": "another-path-is-refused a-network-address-is-refused",
    "about-the-same-endpoint": "a-longer-path-that-leads-there-is-refused",
    "connects-for-ever": "a-plugin-that-does-not-listen-is-an-error",
    "skips-second-lines": "a-second-line-is-an-error",
    "leaves-stdout-full": "noise-after-the-line-is-thrown-away",
    # negotiation
    "opens-nothing": "open-session-comes-first",
    "any-protocol": "a-version-that-was-not-offered-is-refused"
    " a-reply-without-a-version-is-refused",
    "tells-no-details": "no-common-version-is-told an-error-arrives-whole",
    "goes-on-after-a-refusal": "a-refused-session-ends-the-command",
    "applies-anyway": "a-missing-capability-is-told",
    "known-members-only": "unknown-members-of-a-reply-are-ignored",
    "asks-for-members": "absent-members-of-a-reply-have-their-defaults",
    # config
    "sends-no-config": "config-is-in-open-session",
    "sends-the-files-name": "a-secret-of-config-is-in-open-session",
    "config-in-the-environment": "config-is-in-no-other-place",
    "hides-the-value-only": "an-escaped-secret-is-hidden",
    # calls
    "prints-nothing": "a-plan-is-shown",
    "sends-no-hashes": "desired-jobs-are-sent-with-their-hashes",
    "drops-the-digest": "an-apply-carries-the-plan-out",
    "calls-twice": "writes-do-not-overlap",
    "any-code": "a-code-outside-the-table-is-unknown",
    "cuts-nothing": "a-long-text-is-cut",
    "takes-anything": "an-unreadable-reply-fails-the-call",
    "limit-of-4": "a-reply-of-5-mebibytes-is-taken",
    "no-limit": "a-reply-over-the-limit-fails-the-call",
    "tries-again": "no-call-is-made-twice",
    "skips-noise": "a-line-that-is-no-json-fails-the-connection",
    "last-member-counts": "a-member-twice-fails-the-connection"
    " a-member-twice-in-a-result-fails-the-call",
    "any-id": "an-answer-to-another-id-is-no-answer",
    "skips-what-has-no-id": "an-answer-without-an-id-fails-the-connection",
    "no-blank-lines": "blank-lines-and-cr-are-taken",
    "a-read-is-a-line": "a-line-in-pieces-is-one-answer",
    "data-or-nothing": "an-error-of-the-server-has-its-code"
    " an-error-of-an-unknown-method-has-its-code",
    "one-id-for-all": "ids-are-not-used-twice",
    "another-path": "http-calls-have-their-path-and-type",
    "any-length": "two-lengths-fail-the-call a-length-beside-chunks-fails-the-call"
    " bytes-after-a-reply-fail-the-call",
    "follows-redirects": "a-redirect-is-not-followed",
    "keeps-cookies": "a-cookie-is-not-kept",
    "code-by-status": "the-code-counts-and-not-the-status",
    # streams
    "waits-after-the-end": "a-stream-to-its-end-is-a-good-end an-event-after-the-end-does-no-harm",
    "a-lost-end-is-an-end": "a-stream-without-its-end-is-no-good-end"
    " a-crash-in-an-apply-is-no-good-end an-exit-with-0-in-an-apply-is-no-good-end"
    " a-crash-before-the-first-event-is-told",
    "checks-no-events": "a-stream-that-ends-well-without-all-ops-is-no-good-end"
    " a-stream-without-the-finished-event-is-no-good-end events-in-another-order-are-no-good-end"
    " an-event-of-no-op-is-no-good-end an-unreadable-event-fails-the-call",
    "an-error-is-an-end": "an-error-after-events-says-what-was-done"
    " an-error-before-the-first-event-is-told",
    "plans-again": "an-abandoned-plan-is-not-made-anew",
    # crash
    "names-nothing": "a-crash-in-an-apply-names-each-job",
    "restarts": "an-apply-is-not-tried-again a-crash-in-a-plan-ends-the-apply"
    " a-crash-in-open-session-is-told",
    "tells-no-last-words": "a-crash-in-a-read-is-told",
    "trusts-the-wire": "a-child-that-holds-the-wire-does-not-hide-a-crash",
    "close-session-must-answer": "a-close-session-that-hangs-is-bounded",
    "hangs-after-a-crash": "a-crash-in-close-session-hurts-nobody",
    # deadline and cancellation
    "keeps-the-deadline": "a-deadline-travels",
    "a-deadline-by-default": "no-deadline-is-none",
    "no-deadline": "a-passed-deadline-ends-the-call",
    "no-sigkill": "a-deaf-plugin-does-not-hold-a-deadline-up sigkill-ends-a-deaf-plugin"
    " sigkill-ends-a-stopped-plugin",
    "no-deadline-of-a-stream": "a-deadline-ends-a-stream",
    "ignores-signals": "ctrl-c-ends-the-command-and-the-plugin"
    " sigterm-ends-the-command-and-the-plugin ctrl-c-in-an-apply-begins-nothing-new"
    " a-hangup-ends-the-command-and-the-plugin",
    "ignores-signals-and-waits": "ctrl-c-before-the-line-ends-the-start",
    # stop
    "kills-at-once": "close-session-and-then-the-end-of-stdin",
    "no-sigterm": "sigterm-comes-after-the-end-of-stdin",
    "leaves-the-group": "what-the-plugin-started-ends-with-it",
    "waits-for-the-pipes": "a-child-apart-does-not-hold-the-host-up",
    "leaves-the-directory": "the-host-removes-the-directory",
    "directory-must-be-there": "the-plugin-may-remove-the-directory-first",
    "leaves-after-a-failure": "a-failed-start-leaves-nothing a-failed-session-leaves-nothing",
    "leaves-the-copy": "a-pinned-copy-is-removed",
    # death of the host
    "another-holds-stdin": "the-plugin-ends-with-its-host the-plugin-ends-with-its-host-in-an-apply"
    " a-pinned-plugin-ends-with-its-host the-plugin-ends-with-a-host-that-dies-in-open-session",
    # logs
    "tells-no-name": "each-line-carries-the-plugins-name",
    "named-by-the-line": "the-host-names-the-plugin-and-not-the-plugin",
    "msg-only": "names-of-other-loggers-are-taken",
    "objects-only": "a-line-that-is-no-object-is-shown",
    "escapes-nothing": "escape-sequences-are-neutralised",
    "keeps-line-breaks": "a-line-cannot-imitate-another",
    "keeps-long-lines": "a-long-line-is-cut",
    "whole-lines-only": "a-line-without-an-end-is-shown",
    "utf-8-only": "bytes-that-are-no-utf-8-are-taken",
    "reads-the-log-at-the-end": "a-flood-does-not-stop-the-plugin",
    "the-end-of-the-log-is-the-end": "a-closed-log-hurts-nobody",
    "the-log-decides": "the-log-decides-nothing",
}  # fmt: skip


def impatient(vector: HostVector) -> HostVector:
    return replace(vector, expect=replace(vector.expect, within=min(vector.expect.within, BOUND)))


def run(fault: str, *vectors: HostVector) -> dict[str, list[Outcome]]:
    """The outcomes of each vector over the transports that the mutant has, where it was tried."""
    words = [sys.executable, str(MUTANT), fault]
    template = parse_template(f"{shlex.join(words)} {{verb}} {PLACES}")
    report = run_host(template, vectors, SPOKEN, HostOptions(jobs=2))
    found: dict[str, list[Outcome]] = {}
    for arm in report.arms:
        for outcome in arm.outcomes:
            if outcome.status not in (Status.UNSUPPORTED, Status.NOT_RUN):
                found.setdefault(outcome.vector.id, []).append(outcome)
    return found


def test_each_vector_has_a_mutant() -> None:
    """But for those about a transport that the mutant does not speak."""
    assert set(" ".join(KILLS.values()).split()) == spoken()


def spoken() -> set[str]:
    """The vectors that are about a transport that the mutant speaks."""
    return {
        name
        for name, vector in VECTORS.items()
        if not vector.transports or set(vector.transports) & set(SPOKEN)
    }


@pytest.mark.mutants
@pytest.mark.parametrize("fault", KILLS)
def test_a_mutant_fails_every_vector_named_for_it(fault: str) -> None:
    found = run(fault, *(impatient(VECTORS[name]) for name in KILLS[fault].split()))
    for name, outcomes in found.items():
        assert Status.FAIL in {outcome.status for outcome in outcomes}, name
    if lacking := set(KILLS[fault].split()) - found.keys():
        assert all(VECTORS[name].needs for name in lacking), lacking
        pytest.skip(f"not run here: {', '.join(sorted(lacking))}")


@pytest.mark.mutants
def test_without_a_fault_it_passes_all() -> None:
    found = run("none", *VECTORS.values())
    assert {name for name in spoken() if not VECTORS[name].needs} <= found.keys()
    failed = [o for outcomes in found.values() for o in outcomes if o.status is not Status.PASS]
    assert [(o.vector.id, o.failure, o.reason) for o in failed] == []
