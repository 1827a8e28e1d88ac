"""The runner: five statuses told apart, hangs bounded, arms chosen by traits.

That the vectors pass on every arm is tested in tests/transports/every.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.backend import CAPABILITIES
from transportlab.channel import EndpointKind
from transportlab.conformance.apps import own_apps
from transportlab.conformance.report import summary
from transportlab.conformance.result import ArmResult, Outcome, Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import Vector, load_vectors, select
from transportlab.context import Context
from transportlab.errors import PluginError, UsageError
from transportlab.host import HostOptions, open_backend
from transportlab.registry import load_transport, transport_names

READ = {"do": "call", "method": "Read", "request": {"app": "web"}}
FAULTS = {"needs": {"features": ["faults"]}, "config": {"faults": "requests"}}
FILE = {"features": ["crontab-file"]}

Make = Callable[..., Vector]


def one(vector: Vector, transport: str = "direct", **options: Any) -> Outcome:
    subject = options.pop("subject", None)
    report = run_matrix([transport], [vector], subject, Options(**options))
    return report.arms[0].outcomes[0]


def problem(outcome: Outcome) -> str:
    assert outcome.status is Status.FAIL
    assert outcome.failure is not None
    return outcome.failure.problem


def test_a_failure_names_the_step_the_expected_and_the_got(make: Make) -> None:
    outcome = one(make(READ, {**READ, "expect": {"reply": {"entries": [{"job": "a"}]}}}))
    assert problem(outcome) == "entries: expected 1 items, got 0: []"
    assert outcome.failure
    assert outcome.failure.step == 2
    _, (app,) = own_apps(make(READ))
    assert outcome.failure.doing == f'{{"do":"call","method":"Read","request":{{"app":"{app}"}}}}'
    assert app.endswith("-web")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({**READ, "expect": {"error": {"code": "X"}}}, "expected an error {'code': 'X'}, got a"),
        ({**READ, "expect": {"lost": True}}, "expected a lost connection, got a good end"),
        ({**READ, "timeout": 0}, "expected a good end, got an error {'code': 'DEADLINE_EXCEEDED'"),
        ({"do": "call", "method": "Plan", "request": {"app": "web"}}, "EMPTY_DESIRED"),
        ({"do": "have", "app": "web", "jobs": [{}]}, "Plan: expected a good end, got an error"),
        ({"do": "together", "steps": [READ, {**READ, "timeout": 0}]}, "got an error"),
    ],
)
def test_each_kind_of_failure_is_told(make: Make, step: dict[str, Any], said: str) -> None:
    assert said in problem(one(make(step)))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"do": "file", "text": "x"}, "the file: expected b'x', got b'"),
        ({"do": "file", "has": ["x"]}, "expected lines ['x']"),
        ({"do": "file", "lacks": ["SHELL=/bin/sh"]}, "and no lines ['SHELL=/bin/sh']"),
        ({"do": "edit", "old": "nowhere", "new": ""}, "the file: expected b'nowhere' once"),
    ],
)
def test_a_file_that_is_not_as_expected_is_told(
    make: Make, step: dict[str, Any], said: str
) -> None:
    assert said in problem(one(make(step, needs=FILE)))


def test_a_file_is_kept_under_a_name(make: Make) -> None:
    same = {"do": "file", "same": "mine"}
    job = {"$job": {"name": "a"}}
    have = {"do": "have", "app": "web", "jobs": [job]}
    assert one(make({"do": "file", "save": "mine"}, same, needs=FILE)).status is Status.PASS
    assert "the file: expected" in problem(
        one(make({"do": "file", "save": "mine"}, have, same, needs=FILE))
    )


def test_outcomes_are_counted(make: Make) -> None:
    gone = {"expect": {"error": {"code": "NOT_FOUND"}}, "at_least": 1}
    good: dict[str, Any] = {"expect": {"reply": {"entries": []}}}
    step = {"do": "together", "steps": [READ], "times": 4}
    said = problem(one(make({**step, "outcomes": [gone, good]})))
    assert said == "outcome 0: expected at least 1, got 0"
    assert "expected one of the outcomes" in problem(one(make({**step, "outcomes": [gone]})))
    assert one(make({**step, "outcomes": [good]})).status is Status.PASS


HARMFUL = """
from msgspec.structs import replace
from pathlib import Path
from transportlab.backends.crontab import PLUGIN
from transportlab.sdk import run

def create(config):
    path = Path(config["path"])
    path.write_bytes(path.read_bytes().replace(b"SHELL=/bin/sh", b"SHELL=/bin/bash"))
    return PLUGIN.create(config)

run(replace(PLUGIN, create=create))
"""


def test_a_line_that_is_not_the_plugins_is_watched(
    make: Make, script: Callable[[str], str]
) -> None:
    config = {"path": "{file}"}
    subject = Subject(script(HARMFUL), config, frozenset(), faulty="", reference=False)
    outcome = one(make(READ), "http", subject=subject, codec="json")
    assert problem(outcome) == "a line that is not the plugin's was changed, removed or added"


LINKS = """
import os
from msgspec.structs import replace
from pathlib import Path
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import ConfigKey, run

def create(config):
    path = Path(config["path"])
    path.unlink()
    {put}
    return PLUGIN.create({{}})

run(replace(PLUGIN, create=create, config=(ConfigKey("path", "the file"),)))
"""


@pytest.mark.parametrize("put", ['path.symlink_to("/dev/zero")', "os.mkfifo(path)", "path.mkdir()"])
def test_a_plugin_that_leaves_no_file_at_its_place_fails(
    make: Make,
    script: Callable[[str], str],
    put: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = {"path": "{file}"}
    plugin = script(LINKS.format(put=put))
    subject = Subject(plugin, config, frozenset(["crontab-file"]), faulty="", reference=False)
    look = {"do": "file", "has": ["x"]}
    vectors = [make(READ), make(look, id="looks", needs=FILE)]
    report = run_matrix(["http"], vectors, subject, Options(codec="json"))
    for outcome in report.arms[0].outcomes:
        assert "expected a regular file at {file}, got a" in problem(outcome)
    assert not list(tmp_path.glob("tl-conf-*"))


@pytest.mark.parametrize(
    "step",
    [
        {"do": "call", "method": "Read", "request": {"$ref": "nowhere"}},
        {"do": "call", "method": "Plan", "request": {"jobs": 7}},
        {"do": "stop"},
    ],
)
def test_a_vector_that_makes_no_sense_is_a_harness_error(make: Make, step: dict[str, Any]) -> None:
    outcome = one(make(step))
    assert outcome.status is Status.HARNESS_ERROR
    assert "step 1: " in outcome.reason


def test_a_bug_of_the_suite_is_a_harness_error_with_its_place(make: Make) -> None:
    outcome = one(make({**READ, "expect": {"reply": {"$nothing": 1}}}))
    assert outcome.status is Status.HARNESS_ERROR
    assert "KeyError" in outcome.reason


def test_a_hang_is_a_failure_that_says_so_and_the_next_vector_runs(make: Make) -> None:
    hang = make({"do": "call", "method": "Read", "request": {"app": "!block:60"}}, **FAULTS)
    vectors = [hang, make(READ, id="next")]
    report = run_matrix(["http"], vectors, options=Options(codec="json", timeout=3.0))
    first, second = report.arms[0].outcomes
    assert problem(first) == "no end within 3 s; the session was killed"
    assert first.failure
    assert first.failure.step == 1
    assert second.status is Status.PASS


def test_a_hang_in_this_process_ends_when_the_backend_looks(make: Make) -> None:
    hang = make({"do": "call", "method": "Read", "request": {"app": "!sleep:60"}}, **FAULTS)
    assert "no end within 1 s" in problem(one(hang, timeout=1.0))


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"traits": {"wire": True}}, "needs trait wire"),
        ({"codecs": ["json"]}, "needs codec json"),
        ({"capabilities": ["adopt"]}, ""),
    ],
)
def test_what_an_arm_does_not_have_is_unsupported(
    make: Make, needs: dict[str, Any], said: str
) -> None:
    outcome = one(make(READ, needs=needs))
    assert outcome.status is (Status.UNSUPPORTED if said else Status.PASS)
    assert outcome.reason.startswith(said)


READ_ONLY = """
from msgspec.structs import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run
run(replace(PLUGIN, capabilities=("read",)))
"""


def test_a_foreign_plugin_is_tested_for_what_it_declares(
    make: Make, script: Callable[[str], str]
) -> None:
    have = {"do": "have", "app": "web", "jobs": [{"$job": {"name": "a"}}]}
    vectors = [make(READ), make(have, READ, id="writes"), make(READ, id="faulty", **FAULTS)]
    subject = Subject(script(READ_ONLY), {}, frozenset(), faulty="", reference=False)
    report = run_matrix(["http"], vectors, subject, Options(codec="json"))
    found = {o.vector.id: (o.status.value, o.reason) for o in report.arms[0].outcomes}
    assert found == {
        "a-vector": ("pass", ""),
        "writes": ("unsupported", "needs capability apply, capability plan"),
        "faulty": ("unsupported", "needs feature faults"),
    }
    assert report.ok


@pytest.mark.parametrize(
    ("vector", "lacking"),
    [
        ("grpc-a-stream", ("apply", "plan")),
        ("http-words-of-an-enum", ("apply",)),
        ("jsonrpc-each-rpc-is-there", CAPABILITIES),
        ("jsonrpc-a-batch-is-carried-out-in-order", ("apply", "plan", "prune")),
    ],
)
def test_bytes_need_the_capabilities_of_the_rpcs_that_they_name(
    script: Callable[[str], str], vector: str, lacking: tuple[str, ...]
) -> None:
    subject = Subject(script(READ_ONLY), {}, frozenset(), faulty="", reference=False)
    [chosen] = select(load_vectors(), ids=[vector])
    outcome = one(chosen, chosen.transport, subject=subject)
    assert outcome.status is Status.UNSUPPORTED
    needs = ", ".join(f"capability {name}" for name in sorted(lacking) if name != "read")
    assert outcome.reason == f"needs {needs}"


def test_a_foreign_plugin_is_reached_only_as_its_kind_of_file_can_be(
    make: Make, script: Callable[[str], str]
) -> None:
    subject = Subject(script(READ_ONLY), {}, frozenset(), faulty="", reference=False)
    for name in transport_names():
        if load_transport(name).traits.endpoint in (EndpointKind.OBJECT, EndpointKind.LIBRARY):
            outcome = one(make(READ), name, subject=subject)
            assert outcome.status is Status.UNSUPPORTED
            assert outcome.reason.startswith("the plugin is a ")
    library = Subject("/nowhere/x.so", {}, frozenset(), faulty="", reference=False)
    assert one(make(READ), "http", subject=library).reason == "the plugin is a library"


def test_a_store_that_is_not_empty_is_left_as_it_was(
    make: Make, script: Callable[[str], str], tmp_path: Path
) -> None:
    plugin = script(
        "from transportlab.backends.echo import PLUGIN\n"
        "from transportlab.sdk import run\n"
        "run(PLUGIN)\n"
    )
    state = {"state": str(tmp_path / "state")}
    with open_backend(plugin, "http", HostOptions(config=state)) as session:
        job = model.DesiredJob(model.Job("mine", ("0 3 * * *",), "UTC"), ("a1",))
        plan = session.backend.plan(model.PlanRequest("web", (job,)), Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))
        before = session.backend.read(model.ReadRequest(), Context())
    assert len(before.entries) == 1
    ids = ["read-empty", "read-gives-what-was-applied", "read-all-apps-in-order"]
    ids += ["plan-minds-its-own-app", "apply-deletes-and-only-that", "prune-minds-its-own-app"]
    vectors = select(load_vectors(), ids=ids)
    fails = make(
        {"do": "have", "app": "web", "jobs": {"$jobs": 2}}, {**READ, "expect": {"lost": True}}
    )
    subject = Subject(plugin, state, frozenset(), faulty="", reference=False)
    report = run_matrix(["http"], [*vectors, fails], subject, Options(codec="json"))
    found = {o.vector.id: o.status for o in report.arms[0].outcomes}
    assert found == {
        **dict.fromkeys(ids, Status.PASS),
        "read-all-apps-in-order": Status.UNSUPPORTED,
        fails.id: Status.FAIL,
    }
    with open_backend(plugin, "http", HostOptions(config=state)) as session:
        assert session.backend.read(model.ReadRequest(), Context()) == before


NEVER_OPENS = """
from msgspec.structs import replace
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

def create(config):
    raise ValueError("not today")

run(replace(PLUGIN, create=create))
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "ended before its handshake"),
        (NEVER_OPENS, "not today"),
    ],
)
def test_a_plugin_that_opens_no_session_fails_every_vector(
    make: Make, script: Callable[[str], str], code: str, said: str
) -> None:
    subject = Subject(script(code), {}, frozenset(), faulty="", reference=False)
    vectors = [make(READ, level=0), make(READ, id="later", level=2)]
    report = run_matrix(["http"], vectors, subject, Options(codec="json"))
    first, later = report.arms[0].outcomes
    assert said in problem(first)
    assert problem(later).startswith("no session opens: ")
    assert said in problem(later)
    assert not report.ok


def test_what_the_machine_has_no_room_for_is_not_the_plugins_failure(
    make: Make, script: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise PluginError("E-FOLDER", "no room", name="odd")

    monkeypatch.setattr("transportlab.conformance.subject.HostSession", full)
    subject = Subject(script(READ_ONLY), {}, frozenset(), faulty="", reference=False)
    vectors = [make(READ, level=0), make(READ, id="later", level=2)]
    report = run_matrix(["http"], vectors, subject, Options(codec="json"))
    assert {o.status for o in report.arms[0].outcomes} == {Status.NOT_RUN}
    assert not report.ok  # nothing passed


def test_a_run_in_which_nothing_passed_is_not_ok(make: Make) -> None:
    report = run_matrix(["direct"], [make(READ, needs={"traits": {"wire": True}})])
    assert report.arms[0].outcomes[0].status is Status.UNSUPPORTED
    assert not report.ok
    assert [*summary(report)][-1] == "FAILED: 1 vector, none of which passed"


def test_an_arm_whose_library_is_missing_is_not_run(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = load_transport("http")
    monkeypatch.setattr(transport, "traits", replace(transport.traits, requires=("wings",)))
    outcome = one(make(READ), "http")
    assert outcome.status is Status.NOT_RUN
    assert outcome.reason == "not installed: wings; pip install 'transportlab[http]'"


def test_an_arm_whose_plugin_was_not_built_is_not_run(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    library = [
        name
        for name in transport_names()
        if load_transport(name).traits.endpoint is EndpointKind.LIBRARY
    ]
    for name in library:
        outcome = one(make(READ), name)
        assert outcome.status is Status.NOT_RUN
        assert f"python -m transports.{name}.build" in outcome.reason


def test_no_vector_and_no_arm_are_errors(make: Make) -> None:
    with pytest.raises(UsageError, match="no vector is selected"):
        run_matrix(["direct"], [])
    with pytest.raises(UsageError, match='no transport among those has the codec "xml"'):
        run_matrix(None, [make(READ)], options=Options(codec="xml"))
    with pytest.raises(UsageError, match='unknown transport "pigeon"'):
        run_matrix(["pigeon"], [make(READ)])


def test_results_are_told_as_they_come(make: Make) -> None:
    told: list[str] = []

    def on_result(arm: ArmResult, outcome: Outcome) -> None:
        told.append(f"{len(arm.outcomes)} {outcome.vector.id}")

    options = Options(on_result=on_result, on_arm=lambda arm: told.append(arm.name))
    run_matrix(["direct"], [make(READ), make(READ, id="b")], options=options)
    assert told == ["1 a-vector", "2 b", "direct-none"]


def test_a_codec_that_a_plugin_need_not_have_is_unsupported(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-plain"
    path.write_text(f"""#!{sys.executable}
from transportlab.sdk import Code, ErrorDetails, Plugin, RpcError, run
def create(config):
    raise RpcError(Code.UNIMPLEMENTED, "no", ErrorDetails("UNKNOWN_CODEC"))
run(Plugin("plain", "1", create))
""")
    path.chmod(0o755)
    subject = Subject(str(path), {}, frozenset(), faulty="", reference=False)
    report = run_matrix(["grpc"], select(load_vectors(), ids=["read-empty"]), subject, Options())
    found = {arm.codec: arm.outcomes[0].status for arm in report.arms}
    assert found == {"protobuf": Status.FAIL, "json": Status.UNSUPPORTED}
