"""The conformance matrix for an evidence file: its arms side by side, as many as there are CPUs.

Nothing is measured meanwhile. Arms in this process come first and alone, as what they print is
caught by the process's own stderr.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from transportlab.conformance.load import load_vectors
from transportlab.conformance.oracle import disagreements
from transportlab.conformance.result import ArmResult, Report
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.vectors import Vector
from transportlab.evidence.arms import Arm
from transportlab.evidence.placement import available_cpus
from transportlab.registry import load_transport


def conformance(arms: list[Arm], vectors: list[Vector] | None = None) -> dict[str, Any]:
    """The member `conformance` of the file: all vectors on those arms."""
    chosen = list(load_vectors()) if vectors is None else vectors

    def run(arm: Arm) -> ArmResult:
        return run_matrix([arm.transport], chosen, options=Options(codec=arm.codec)).arms[0]

    found = {arm.id: run(arm) for arm in arms if not _isolated(arm)}
    apart = [arm for arm in arms if _isolated(arm)]
    with ThreadPoolExecutor(len(available_cpus())) as pool:
        found |= zip((arm.id for arm in apart), pool.map(run, apart), strict=True)
    results = [found[arm.id] for arm in arms]
    return Report(tuple(chosen), tuple(results), tuple(disagreements(results))).evidence()


def _isolated(arm: Arm) -> bool:
    return load_transport(arm.transport).traits.isolated
