import pytest

from transportlab.evidence.arms import load_arms
from transportlab.evidence.record import Arm
from transportlab.evidence.run.plan import transport_arms
from transportlab.evidence.run.task import Task
from transportlab.evidence.suites.handshake import life, measure, module_names, plugin_modules
from transportlab.registry import load_transport


def test_a_life_has_the_phases_that_its_transport_has(task: Task) -> None:
    found = {sample.metric: sample.value for sample in life(task, "a case")}
    both = {"connected", "opened", "first-read", "exit"}
    memory = {"rss-host", "uss-host", "pss-host"}
    assert {*both, "ready", "total", "cpu-host", *memory} <= found.keys()
    assert found["uss-host"] < found["pss-host"] < found["rss-host"]
    plugin = {"spawn", "line", "cpu-plugin", "rss-plugin", "uss-plugin", "pss-plugin"}
    assert found.keys() & plugin == (plugin if task.plugin_cpus else set())
    assert found["total"] == pytest.approx(found["ready"] + found["exit"], rel=0.01)
    phases = (both | {"spawn", "line"}) - {"exit"}
    assert found["ready"] == pytest.approx(sum(found.get(name, 0) for name in phases), rel=0.01)


def test_imports_are_measured_where_there_are_any(task: Task) -> None:
    cases = ["cold-start", "next-start"]
    isolated = load_transport(task.arm.transport).traits.isolated
    wanted = [*cases, "imports"] if isolated else cases
    assert list(dict.fromkeys(sample.case for sample in measure(task))) == wanted


@pytest.mark.parametrize("arm", transport_arms()[0], ids=lambda a: a.id)
def test_a_plugins_imports_are_those_of_its_transport(arm: Arm) -> None:
    modules = plugin_modules(arm, load_arms().plugins[0])
    if not load_transport(arm.transport).traits.isolated:
        assert modules == ()
    else:
        assert "transportlab.backends.echo" in modules
        assert any(name.startswith(f"transports.{arm.transport}.") for name in modules)


def test_names_are_read_between_other_lines() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       123 |        123 |   os.path",
        '{"level": "info"}',
        "import time: not a table",
        "import time:       5 |        200 | json",
    ]
    assert module_names(lines) == ("os.path", "json")
