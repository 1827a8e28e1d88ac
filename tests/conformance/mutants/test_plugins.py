"""Each of the project's mutants is killed, and the plugins without a fault pass the vectors."""

from collections.abc import Mapping

import pytest

from transportlab.conformance.mutants.build import lacking
from transportlab.conformance.mutants.data import Mutant, MutantFile, load_mutants
from transportlab.conformance.mutants.run import MutantOptions, check_plugin, run_mutant
from transportlab.conformance.vectors import Vector, load_vectors

pytestmark = [pytest.mark.mutants, pytest.mark.timeout(1200)]

VECTORS = load_vectors()
SUITE = load_mutants(VECTORS)

OPTIONS = MutantOptions(timeout=15.0)
"""Some mutants are found by an answer that never comes; a busy machine may take long to answer."""


@pytest.fixture(scope="session")
def by_id() -> Mapping[str, Vector]:
    return {vector.id: vector for vector in VECTORS}


def skip_without_toolchain(plugin: MutantFile) -> None:
    if reason := lacking(plugin):
        pytest.skip(f"not run: {reason}")


@pytest.mark.parametrize("plugin", SUITE.plugins, ids=lambda plugin: plugin.plugin)
def test_a_plugin_passes_all_of_those_without_a_fault(
    plugin: MutantFile, by_id: Mapping[str, Vector]
) -> None:
    skip_without_toolchain(plugin)
    assert check_plugin(plugin, by_id, OPTIONS) == ()


@pytest.mark.parametrize(
    ("plugin", "mutant"), list(SUITE.mutants()), ids=lambda value: getattr(value, "id", "")
)
def test_a_mutant_is_killed(
    plugin: MutantFile, mutant: Mutant, by_id: Mapping[str, Vector]
) -> None:
    skip_without_toolchain(plugin)
    result = run_mutant(plugin, mutant, by_id, OPTIONS)
    assert (result.problem, result.missed) == ("", ())
