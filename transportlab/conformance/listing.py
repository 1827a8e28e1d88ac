"""The list of a suite's vectors, or of their groups, for people and for programs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from transportlab.conformance.report import counted
from transportlab.conformance.standing import Standing
from transportlab.conformance.vectors import Case, slug

VECTORS, GROUPS = "vectors", "groups"
"""What can be listed."""


def listed(what: str, vectors: Sequence[Case], standing: Standing) -> dict[str, Any]:
    """What --list --json prints."""
    vectors = sorted(vectors, key=lambda vector: vector.GROUPS.index(vector.group))
    if what == GROUPS:
        counts = Counter(vector.group for vector in vectors)
        groups = [{"group": slug(group), "vectors": count} for group, count in counts.items()]
        return {"groups": groups}
    return {
        "vectors": [
            {
                "vector": vector.id,
                "group": slug(vector.group),
                "level": vector.level,
                "clauses": vector.clauses,
                "why": vector.why,
                "transport": getattr(vector, "transport", ""),
                "advisory": not standing.requires(vector),
            }
            for vector in vectors
        ]
    }


def lines(what: str, vectors: Sequence[Case], standing: Standing) -> Iterator[str]:
    """What --list prints: a line for each group, or under each of them one for each vector."""
    found = listed(what, vectors, standing)
    if what == GROUPS:
        for row in found["groups"]:
            yield f"{row['group']:28} {counted(row['vectors'], 'vector')}"
        return
    group = ""
    for row in found["vectors"]:
        if row["group"] != group:
            group = row["group"]
            yield f"{group}:"
        marks = ["advisory"] if row["advisory"] else []
        told = ", ".join([f"level {row['level']}", *row["clauses"], *marks])
        yield f"  {row['vector']}  ({told})"
        yield f"      {row['why']}"
