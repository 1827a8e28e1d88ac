"""The conformance matrix for an evidence file, by several threads: nothing is measured meanwhile.

Arms in this process come first and alone, as what they print is caught by the process's own stderr.
The others are cut into parts, so that no CPU is idle while one arm is not done.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from transportlab.conformance.result import ArmResult, Report
from transportlab.conformance.runner import Options, disagreements, run_matrix
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.evidence.run.placement import available_cpus
from transportlab.evidence.run.plan import Arm
from transportlab.registry import load_transport

PARTS = 4
"""Into so many parts an arm's vectors are cut."""


def conformance(arms: list[Arm], vectors: list[Vector] | None = None) -> dict[str, Any]:
    """The member `conformance` of the file: all vectors on those arms."""
    chosen = list(load_vectors()) if vectors is None else vectors
    apart = [arm for arm in arms if load_transport(arm.transport).traits.isolated]
    found = {arm.id: _run(arm, chosen) for arm in arms if arm not in apart}
    work = [(arm, part) for arm in apart for n in range(PARTS) if (part := chosen[n::PARTS])]
    # A vector waits for its plugin as often as it computes, hence one thread more than CPUs.
    with ThreadPoolExecutor(len(available_cpus()) + 1) as pool:
        parts = list(pool.map(_run, *zip(*work, strict=True))) if work else []
    for arm in apart:
        own = [part for (of, _), part in zip(work, parts, strict=True) if of == arm]
        found[arm.id] = _joined(own, chosen)
    results = [found[arm.id] for arm in arms]
    return Report(tuple(chosen), tuple(results), tuple(disagreements(results))).evidence()


def _run(arm: Arm, vectors: list[Vector]) -> ArmResult:
    return run_matrix([arm.transport], vectors, options=Options(codec=arm.codec)).arms[0]


def _joined(parts: list[ArmResult], vectors: list[Vector]) -> ArmResult:
    """The parts as one, in the order of the vectors."""
    outcomes = {outcome.vector.id: outcome for part in parts for outcome in part.outcomes}
    whole = ArmResult(parts[0].transport, parts[0].codec, parts[0].wire)
    whole.outcomes += [outcomes[vector.id] for vector in vectors]
    return whole
