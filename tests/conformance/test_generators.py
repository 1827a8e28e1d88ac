"""Each generator, and what cannot be evaluated."""

import pytest

from transportlab.conformance.generators import ValueProblem, evaluate

SCOPE = {"plan": {"ops": [{"job": "a"}]}, "config": {"path": "p"}}


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ({"app": "web", "n": [1, None, True]}, {"app": "web", "n": [1, None, True]}),
        ({}, {}),
        ({"$ref": "plan.ops.0.job"}, "a"),
        ([{"$ref": "plan"}], [{"ops": [{"job": "a"}]}]),
        ({"$repeat": ["ab", 3]}, "ababab"),
        ({"$concat": ["a", {"$char": 0xD800}]}, "a\ud800"),
        ({"$with": [{"a": 1, "b": 2}, {"b": 3}]}, {"a": 1, "b": 3}),
        ({"$config": {"x": "y"}}, {"path": "p", "x": "y"}),
        ({"$count": 3}, {"$count": 3}),
        ({"$is": {"$ref": "plan.ops.0.job"}}, {"$is": "a"}),
    ],
)
def test_a_value_is_evaluated(value: object, made: object) -> None:
    assert evaluate(value, SCOPE) == made


def test_a_job_has_defaults_and_a_hash_for_each_schedule() -> None:
    made = evaluate({"$job": {"name": "a", "schedules": ["x", "y"]}}, {})
    assert made["hashes"] == ["a1", "a2"]
    assert made["job"]["schedules"] == ["x", "y"]
    assert made["job"]["timezone"] == "UTC"
    assert evaluate({"$job": {"name": "a", "hashes": []}}, {})["hashes"] == []


def test_many_jobs_have_names_of_their_own() -> None:
    names = [desired["job"]["name"] for desired in evaluate({"$jobs": 1000}, {})]
    assert len(set(names)) == 1000
    assert names == sorted(names)


@pytest.mark.parametrize(
    "value",
    [
        {"$ref": "plan.nothing"},
        {"$ref": "plan.ops.1"},
        {"$ref": "plan.ops.x"},
        {"$ref": 7},
        {"$char": -1},
        {"$repeat": "ab"},
        {"$job": {"schedules": 3}},
        {"$concat": [1]},
    ],
)
def test_what_cannot_be_evaluated_is_a_problem_of_the_suite(value: object) -> None:
    with pytest.raises(ValueProblem, match=r"\$"):
        evaluate(value, SCOPE)
