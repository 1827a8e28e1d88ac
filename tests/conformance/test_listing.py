"""--list: each vector and each group, for people and for programs."""

from transportlab.conformance.listing import GROUPS, VECTORS, lines, listed
from transportlab.conformance.standing import Standing
from transportlab.conformance.vectors import GROUPS as ALL
from transportlab.conformance.vectors import load_vectors, select, slug

NEW = Standing("1", frozenset(["read-empty"]))


def test_groups_have_names_without_spaces_that_can_be_chosen() -> None:
    found = listed(GROUPS, load_vectors(), NEW)["groups"]
    assert [row["group"] for row in found] == [slug(group) for group in ALL]
    for row in found:
        assert len(select(load_vectors(), [row["group"]])) == row["vectors"]
    assert len([*lines(GROUPS, load_vectors(), NEW)]) == len(ALL)


def test_vectors_stand_under_their_group_with_clauses_and_why() -> None:
    chosen = select(load_vectors(), ["read", "data-fidelity"])
    shown = [*lines(VECTORS, chosen, NEW)]
    assert shown[0] == "read:"
    assert "data-fidelity:" in shown
    [empty] = [vector for vector in chosen if vector.id == "read-empty"]
    at = next(n for n, line in enumerate(shown) if line.startswith("  read-empty "))
    clauses = ", ".join(empty.clauses)
    assert shown[at] == f"  read-empty  (level {empty.level}, {clauses})"
    assert shown[at + 1] == f"      {empty.why}"
    others = [row for row in listed(VECTORS, chosen, NEW)["vectors"] if row["advisory"]]
    assert len(others) == len(chosen) - 1
    assert sum("advisory)" in line for line in shown) == len(others)
