"""What a run of mutants returns: found, missed, not run, not built, and a plugin that is wrong."""

from collections.abc import Sequence

import pytest

from tests.conformance.mutants.conftest import EMPTY, PROGRAM, Load
from transportlab.conformance.mutants.data import Suite
from transportlab.conformance.mutants.run import (
    MutantOptions,
    MutantResult,
    PluginResult,
    run_mutants,
)
from transportlab.conformance.result import Status
from transportlab.conformance.vectors import Vector, select
from transportlab.errors import UsageError

Vectors = tuple[Vector, ...]


def run(
    suite: Suite, vectors: Vectors, chosen: Sequence[str] = (), transport: str = ""
) -> PluginResult:
    told: list[MutantResult] = []
    wanted = select(vectors, ids=chosen) if chosen else ()
    transports = (transport,) if transport else ()
    options = MutantOptions(wanted, transports, timeout=6.0, on_result=told.append)
    [plugin] = run_mutants(suite, vectors, options)
    assert list(plugin.mutants) == told
    return plugin


def test_a_fault_is_found_by_the_vectors_that_are_named(load: Load, vectors: Vectors) -> None:
    plugin = run(load(), vectors)
    [result] = plugin.mutants
    assert plugin.ok
    assert [(f.arm, f.vector, f.status) for f in result.found] == [
        ("jsonrpc", "plan-refuses-an-empty-set", Status.FAIL)
    ]


def test_a_vector_that_misses_is_told(load: Load, vectors: Vectors) -> None:
    finds = {"jsonrpc": ["plan-refuses-an-empty-set", "read-empty"], "http": ["read-empty"]}
    plugin = run(load({**EMPTY, "finds": finds}), vectors)
    assert not plugin.ok
    [result] = plugin.mutants
    assert [(f.arm, f.vector) for f in result.missed] == [
        ("jsonrpc", "read-empty"),
        ("http", "read-empty"),
    ]


def test_chosen_vectors_run_on_every_mutant(load: Load, vectors: Vectors) -> None:
    chosen = ["read-empty", "error-leaves-the-session-usable", "http-a-request-in-json"]
    [result] = run(load(), vectors, chosen).mutants
    assert {f.vector: (f.status, f.named) for f in result.findings} == {
        "read-empty": (Status.PASS, False),
        "error-leaves-the-session-usable": (Status.FAIL, False),
    }
    assert result.ok


def test_a_plugin_that_is_wrong_by_itself_proves_nothing(load: Load, vectors: Vectors) -> None:
    finds = {"jsonrpc": ["plan-refuses-an-empty-set", "read-missing-file-is-empty"]}
    plugin = run(load({**EMPTY, "finds": finds}), vectors)
    assert [(f.vector, f.status) for f in plugin.wrong] == [
        ("read-missing-file-is-empty", Status.UNSUPPORTED)
    ]
    assert not plugin.ok


def test_what_cannot_be_built_here_is_not_run(load: Load, vectors: Vectors) -> None:
    plugin = run(load(needs=["no-such-program"]), vectors)
    assert (plugin.reason, plugin.mutants) == ("no no-such-program", ())
    assert run(load(), vectors, transport="http").reason == "no mutant is on that transport"


def test_a_mutant_that_is_not_built_is_a_failure_of_its_own(load: Load, vectors: Vectors) -> None:
    fails = f"sh -c '! grep -q \"if False:\" {PROGRAM}'"
    plugin = run(load(build=fails), vectors)
    [result] = plugin.mutants
    assert result.problem.endswith("failed:")
    assert not plugin.ok
    assert "`false` failed" in run(load(build="false"), vectors).problem


def test_an_edit_that_does_not_fit_is_an_error_of_usage(load: Load, vectors: Vectors) -> None:
    edits = [{"file": PROGRAM, "old": "no such text", "new": ""}]
    with pytest.raises(UsageError, match="plans-nothing: cronix-backend-stdlib: expected once"):
        run(load({**EMPTY, "edits": edits}), vectors)
    with pytest.raises(UsageError, match='unknown transport "pigeon"'):
        run(load(), vectors, transport="pigeon")
