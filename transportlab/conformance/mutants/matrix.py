"""The kill matrix: which vectors find which mutant, as text, as JSON Lines and as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import msgspec

from transportlab import __version__
from transportlab.conformance.mutants.data import KINDS, Suite, required, unproven
from transportlab.conformance.mutants.run import Finding, MutantResult, PluginResult
from transportlab.conformance.result import Status
from transportlab.conformance.vectors import Vector
from transportlab.words import explained

FORMAT = 1
"""Of the JSON Lines."""

COMMAND = "transportlab conformance --mutants --markdown evidence/mutants.md"


class Matrix(msgspec.Struct, frozen=True):
    """A run.

    vectors: all that there are. chosen: those that every mutant ran; empty if each ran the vectors
    that are named for it. whole: whether no mutant was left out.
    """

    suite: Suite
    vectors: tuple[Vector, ...]
    plugins: tuple[PluginResult, ...]
    chosen: tuple[Vector, ...] = ()
    whole: bool = True

    @property
    def results(self) -> list[MutantResult]:
        """Every mutant that was run."""
        return [result for plugin in self.plugins for result in plugin.mutants]

    @property
    def survivors(self) -> list[MutantResult]:
        """The mutants that were built, and that a vector that is named for them misses."""
        return [result for result in self.results if result.missed]

    @property
    def unproven(self) -> list[str]:
        """Which vectors find no mutant, and should."""
        if self.chosen:
            finding = {found.vector for result in self.results for found in result.found}
            lacking = [vector.id for vector in self.chosen if vector.id not in finding]
            return [f"{vector}: it finds none of these mutants" for vector in lacking]
        return unproven(self.suite, self.vectors) if self.whole else []

    @property
    def ok(self) -> bool:
        """Whether something was run, each mutant was found, and each vector finds one."""
        ran = bool(self.results) and all(plugin.ok for plugin in self.plugins)
        return ran and not self.unproven


def result_text(result: MutantResult) -> str:
    """A mutant, and the vectors that find it; or what is wrong, with the fault."""
    name = f"{result.mutant.id} [{result.mutant.kind}]"
    if result.problem:
        return f"NOT BUILT {name}\n  {result.problem}"
    if result.missed:
        return "\n".join(
            [
                f"SURVIVES {name}",
                f"  fault: {result.mutant.fault}",
                *(f"  {f.arm}: {f.vector}: expected fail, got {_ended(f)}" for f in result.missed),
            ]
        )
    found = _by_arm(result.found)
    return f"killed {name} by {found}" if found else f"alive {name}: no vector here finds it"


def summary(matrix: Matrix) -> Iterator[str]:
    """The lines after the last mutant: what was not run, what is wrong, and the totals."""
    for plugin in matrix.plugins:
        if plugin.reason:
            yield f"not run: the mutants of {plugin.plugin}: {plugin.reason}"
        if plugin.problem:
            yield f"NOT BUILT {plugin.plugin}, without a fault\n  {plugin.problem}"
        for finding in plugin.wrong:
            name = f"{plugin.plugin} {finding.arm} {finding.vector}"
            yield f"WRONG {name}: without a fault expected pass, got {_ended(finding)}"
    for problem in matrix.unproven:
        yield f"VECTOR {problem}"
    killed = sum(1 for result in matrix.results if result.ok and result.found)
    survivors = ["survives"] * bool(matrix.survivors)
    yield from explained(["vector", "mutant", "killed", *survivors])
    totals = f"{killed} of {len(matrix.results)} mutants killed"
    if matrix.suite.without is not None and matrix.whole and not matrix.chosen:
        all_required, finders = required(matrix.vectors), matrix.suite.finders()
        found = sum(1 for vector in all_required if vector in finders)
        totals += f"; {found} of {len(all_required)} required vectors find one"
        totals += f", {len(matrix.suite.without)} have a reason"
    yield f"{'OK' if matrix.ok else 'FAILED'}: {totals}"


def _ended(finding: Finding) -> str:
    return f"{finding.status}: {finding.problem}" if finding.problem else finding.status.value


def _by_arm(findings: Sequence[Finding]) -> str:
    arms: dict[str, list[str]] = {}
    for finding in findings:
        arms.setdefault(finding.arm, []).append(finding.vector)
    return "; ".join(f"{arm}: {', '.join(ids)}" for arm, ids in arms.items())


class MutantLines:
    """A run as JSON Lines: a head, a line for each mutant as it ends, then the totals."""

    def __init__(self, file: IO[bytes], suite: Suite) -> None:
        self._file = file
        count = len(list(suite.mutants()))
        self._write({"format": FORMAT, "project_version": __version__, "mutants": count})

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(msgspec.json.encode(value) + b"\n")
        self._file.flush()

    def result(self, result: MutantResult) -> None:
        """Write one mutant's line."""
        mutant = result.mutant
        line: dict[str, Any] = {
            "plugin": result.plugin,
            "mutant": mutant.id,
            "kind": mutant.kind,
            "fault": mutant.fault,
            "ok": result.ok,
            "vectors": [
                {"arm": f.arm, "vector": f.vector, "named": f.named, "status": f.status}
                for f in result.findings
            ],
        }
        if result.problem:
            line["problem"] = result.problem
        self._write(line)

    def end(self, matrix: Matrix) -> None:
        """Write the last line: the survivors, what is not proven, and whether all is well."""
        self._write(
            {
                "ok": matrix.ok,
                "survivors": [result.mutant.id for result in matrix.survivors],
                "not_built": [result.mutant.id for result in matrix.results if result.problem],
                "not_run": {p.plugin: p.reason for p in matrix.plugins if p.reason},
                "wrong": [
                    {"plugin": p.plugin, "arm": f.arm, "vector": f.vector, "status": f.status}
                    for p in matrix.plugins
                    for f in p.wrong
                ],
                "unproven": matrix.unproven,
            }
        )


def markdown(matrix: Matrix) -> str:
    """The matrix as a page: how many mutants of each kind, each mutant, each vector."""
    return "\n".join([*_head(), *_kinds(matrix), *_mutants(matrix), *_vectors(matrix)]) + "\n"


def expected(suite: Suite, vectors: Sequence[Vector]) -> Matrix:
    """The matrix of a run in which each mutant is found by just the vectors named for it."""
    plugins = []
    for plugin in suite.plugins:
        results = [
            MutantResult(
                plugin.plugin,
                mutant,
                tuple(
                    Finding(arm, vector, Status.FAIL, named=True)
                    for arm, ids in mutant.finds.items()
                    for vector in ids
                ),
            )
            for mutant in plugin.mutants
        ]
        plugins.append(PluginResult(plugin.plugin, tuple(results)))
    return Matrix(suite, tuple(vectors), tuple(plugins))


def _head() -> list[str]:
    return [
        "# Mutants",
        "",
        f"Made by `{COMMAND}`.",
        "",
        "A mutant is a plugin that is right but for one fault, made in the plugin's own source.",
        "It is killed if the vectors that are named for it fail. The plugin without the fault",
        "passes them. The faults are data: spec/conformance/mutants. docs/conformance.md tells how",
        "to add one.",
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [columns, ["---"] * len(columns), *cells]
    return ["", *("| " + " | ".join(line) + " |" for line in lines)]


def _kinds(matrix: Matrix) -> list[str]:
    """How many mutants of each kind are killed, of how many."""
    names = [plugin.plugin for plugin in matrix.plugins]
    rows = []
    for kind in (*KINDS, "all"):
        cells = []
        for plugin in matrix.plugins:
            of_kind = [m for m in plugin.mutants if kind in ("all", m.mutant.kind)]
            killed = sum(1 for m in of_kind if m.ok)
            cells.append(f"{killed} of {len(of_kind)}" if of_kind else "")
        rows.append([kind, *cells])
    lines = ["", "## Killed, by kind and plugin", *_table(["kind", *names], rows)]
    lines += [f"\nnot run: {p.plugin}: {p.reason}" for p in matrix.plugins if p.reason]
    return lines


def _mutants(matrix: Matrix) -> list[str]:
    lines = []
    for plugin in matrix.plugins:
        rows = []
        for result in plugin.mutants:
            name = result.mutant.id if result.ok else f"**survives** {result.mutant.id}"
            rows.append([name, result.mutant.kind, result.mutant.fault, _by_arm(result.found)])
        lines += ["", f"## Mutants of {plugin.plugin}"]
        lines += _table(["mutant", "kind", "fault", "found by"], rows)
    return lines


def _vectors(matrix: Matrix) -> list[str]:
    finders: dict[str, list[str]] = {}
    for result in matrix.results:
        for name in dict.fromkeys(finding.vector for finding in result.found):
            finders.setdefault(name, []).append(result.mutant.id)
    without: Mapping[str, str] = matrix.suite.without or {}
    needed = set(required(matrix.vectors))
    rows = []
    for vector in matrix.vectors:
        if found := finders.get(vector.id):
            rows.append([vector.id, vector.group, ", ".join(found)])
        elif vector.id in without:
            rows.append([vector.id, vector.group, f"none: {without[vector.id]}"])
        elif vector.id in needed:
            rows.append([vector.id, vector.group, "**none**"])
    lines = ["", "## Vectors", ""]
    lines.append("Those that any plugin has to pass, and of the others those that find one here.")
    return [*lines, *_table(["vector", "group", "mutants"], rows)]
