"""The conformance matrix of an evidence file. Nothing is measured meanwhile, so it uses all CPUs.

The arms that run inside this process come first, one at a time, because what they print is caught
from the process's own stderr. The vectors of each other arm are cut into parts that run in
parallel, so that no CPU is idle at the end.
"""

from concurrent.futures import ThreadPoolExecutor

import msgspec

from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import ArmResult, Report
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.evidence.record import Arm, Conformance
from transportlab.evidence.run.placement import available_cpus
from transportlab.registry import load_transport

PARTS = 4
"""How many parts an arm's vectors are cut into."""


def conformance(arms: list[Arm], vectors: list[Vector] | None = None) -> Conformance:
    """The results of the vectors, all unless given, on each of the arms."""
    chosen = list(load_vectors()) if vectors is None else vectors
    isolated = [arm for arm in arms if load_transport(arm.transport).traits.isolated]
    found = {arm.id: _run(arm, chosen) for arm in arms if arm not in isolated}
    work = [(arm, part) for arm in isolated for n in range(PARTS) if (part := chosen[n::PARTS])]
    # A vector waits for its plugin as often as it computes, hence one thread more than CPUs.
    with ThreadPoolExecutor(len(available_cpus()) + 1) as pool:
        parts = list(pool.map(_run, *zip(*work, strict=True))) if work else []
    for arm in isolated:
        own = [part for (of, _), part in zip(work, parts, strict=True) if of == arm]
        found[arm.id] = _joined(own, chosen)
    results = [found[arm.id] for arm in arms]
    report = Report(tuple(chosen), tuple(results), tuple(disagreements(results)))
    return msgspec.convert(report.evidence(), Conformance)


def _run(arm: Arm, vectors: list[Vector]) -> ArmResult:
    return run_matrix([arm.transport], vectors, options=Options(codec=arm.codec)).arms[0]


def _joined(parts: list[ArmResult], vectors: list[Vector]) -> ArmResult:
    """The parts as one, in the order of the vectors."""
    outcomes = {outcome.vector.id: outcome for part in parts for outcome in part.outcomes}
    whole = ArmResult(parts[0].transport, parts[0].codec, parts[0].wire)
    # Vectors of bytes are for one transport each.
    whole.outcomes += [outcomes[v.id] for v in vectors if v.id in outcomes]
    return whole
