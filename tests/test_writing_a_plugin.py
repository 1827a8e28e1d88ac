"""docs/writing-a-plugin.md, executed: its plugins are written to files and called."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path
from typing import Any

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.conformance.result import Status
from transportlab.conformance.runner import Options, run_matrix
from transportlab.conformance.subject import Subject
from transportlab.conformance.vectors import load_vectors
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.host import HostOptions, open_backend
from transportlab.manifest.document import load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.registry import transport_names
from transportlab.sdk.program import ENV_TRANSPORT

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "writing-a-plugin.md").read_text()
BLOCK = re.compile(r"^File `(?P<file>[^`]+)`:\n\n```python\n(?P<text>.*?)^```$", re.M | re.S)
PLUGINS = {match["file"]: match["text"] for match in BLOCK.finditer(TEXT)}
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
[STDIO] = transport_names(EndpointKind.STDIO)

Install = Callable[[str], str]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Write a plugin of the document as an executable file; gives its path."""

    def write(name: str) -> str:
        path = tmp_path / f"cronix-backend-{name}"
        path.write_text(f"#!{sys.executable}\n{PLUGINS[path.name]}")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.parametrize("transport", PROCESS)
def test_the_plugin_on_this_package_does_all_operations(install: Install, transport: str) -> None:
    manifest = load_manifest(ROOT / "spec" / "manifests" / "dozen.json")
    app, jobs, context = manifest.app, desired_jobs(manifest), Context(timeout=30)
    with open_backend(install("shelf"), transport) as session:
        backend = session.backend
        assert session.info.plugin_name == "shelf"
        plan = backend.plan(model.PlanRequest(app, jobs), context)
        *_, last = backend.apply(model.ApplyRequest(plan), context)
        assert last.counts == model.Counts(created=len(jobs))
        assert len(backend.read(model.ReadRequest(app), context).entries) == len(jobs)
        assert backend.drift(model.DriftRequest(app, jobs), context).items == ()
        verdicts = backend.verify_ownership(model.VerifyOwnershipRequest(app, jobs), context)
        assert {item.verdict for item in verdicts.items} == {model.Verdict.OWNED}
        adopted = backend.adopt(model.AdoptRequest(app, jobs[0]), context)
        assert adopted.outcome is model.AdoptOutcome.ALREADY_MANAGED
        kept = tuple(wanted.job.name for wanted in jobs[1:])
        pruned = backend.prune(model.PruneRequest(app, kept), context)
        assert [entry.job for entry in pruned.removed] == [jobs[0].job.name]


def test_the_plugin_on_the_wire_imports_only_the_standard_library() -> None:
    tree = ast.parse(PLUGINS["cronix-backend-listing"])
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name for node in imports for alias in node.names}
    assert names <= sys.stdlib_module_names


ENTRY = {"app": "shop", "job": "sweep", "index": 0, "hash": "5f3a", "schedule": "0 3 * * *"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["listing", "shelf"])
def test_the_plugins_pass_every_vector_for_what_they_have(install: Install, name: str) -> None:
    subject = Subject(install(name), {}, frozenset(), faulty="", reference=False)
    report = run_matrix([STDIO], load_vectors(), subject, Options())
    [arm] = report.arms
    assert arm.bad() == []
    assert arm.totals()[Status.PASS] > 10


def test_a_child_of_the_plugin_on_the_wire_does_not_have_the_wire(tmp_path: Path) -> None:
    child = 'os.system("echo noise; exec cat")'
    text = PLUGINS["cronix-backend-listing"].replace(
        '    app = request.get("app")', f'    {child}\n    app = request.get("app")'
    )
    assert child in text
    path = tmp_path / "cronix-backend-listing"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    with open_backend(str(path), STDIO) as session:
        for _ in range(2):
            reply = session.backend.read(model.ReadRequest(), Context(timeout=30))
            assert reply == model.ReadReply()


def test_the_plugin_on_the_wire_reads(install: Install, tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    store.write_text(json.dumps([ENTRY]))
    options = HostOptions(config={"path": str(store)})
    with open_backend(install("listing"), STDIO, options) as session:
        assert session.info == model.OpenSessionReply(1, "listing", "1.0", ("read",))
        [entry] = session.backend.read(model.ReadRequest(), Context(timeout=30)).entries
        assert entry == model.Entry("shop", "sweep", 0, "5f3a", "0 3 * * *")
        assert session.backend.read(model.ReadRequest("other"), Context()).entries == ()
        process = session.process
    assert process is not None
    assert process.exit == "exit status 0"


def test_what_the_plugin_on_the_wire_lacks_is_an_unknown_method(install: Install) -> None:
    with open_backend(install("listing"), STDIO) as session:
        with pytest.raises(RpcError) as caught:
            session.backend.drift(model.DriftRequest("shop"), Context(timeout=30))
        with pytest.raises(RpcError) as stream:
            list(session.backend.apply(model.ApplyRequest(), Context(timeout=30)))
    assert (caught.value.code, caught.value.details.got) == (Code.UNIMPLEMENTED, "Drift")
    assert (stream.value.code, stream.value.details.got) == (Code.UNIMPLEMENTED, "Apply")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (HostOptions(config={"place": "/x"}), "UNKNOWN_CONFIG"),
        (HostOptions(required_capabilities=("read", "adopt")), "CAPABILITY"),
    ],
)
def test_the_plugin_on_the_wire_refuses_what_it_does_not_know(
    install: Install, options: HostOptions, reason: str
) -> None:
    with pytest.raises(RpcError) as caught:
        open_backend(install("listing"), STDIO, options)
    assert caught.value.details.reason == reason


def test_the_plugin_on_the_wire_keeps_the_order_of_calls(install: Install) -> None:
    with open_backend(install("listing"), STDIO) as session:
        with pytest.raises(RpcError) as caught:
            session.backend.open_session(model.OpenSessionRequest("1", (1,)), Context(timeout=30))
        session.backend.close_session(model.CloseSessionRequest(), Context(timeout=30))
        with pytest.raises(RpcError) as closed:
            session.backend.read(model.ReadRequest(), Context(timeout=30))
    assert caught.value.details.reason == "SESSION_OPEN"
    assert closed.value.details.reason == "SESSION_CLOSED"


LINES = (
    b"nonsense",
    b"[]",
    b'"text"',
    b'{"jsonrpc":"2.0","id":1}',
    b'{"jsonrpc":"2.0","method":"Read","params":{"request":{}},"id":2}',
    b'{"jsonrpc":"2.0","method":"OpenSession","params":{"request":{"protocol_versions":[7,9]}},"id":3}',
    b'{"jsonrpc":"2.0","method":"OpenSession","params":{"request":{"protocol_versions":[1]}},"id":4}',
    b'{"jsonrpc":"2.0","method":"Read","id":5}',
    b'{"jsonrpc":"2.0","method":"Frob","params":{"request":{}},"id":6}',
    b'[{"jsonrpc":"2.0","method":"Frob","id":7},{"jsonrpc":"2.0","method":"cancel","params":{"id":9}}]',
    b'{"jsonrpc":"2.0","method":"CloseSession","params":{"request":{}},"id":8}',
)


def answers(program: str) -> list[Any]:
    """Which call each line of a plugin's answers, and by which error, without its text."""
    found = []
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={ENV_TRANSPORT: STDIO}
    ) as plugin:
        assert plugin.stdin is not None
        assert plugin.stdout is not None
        plugin.stdout.readline()
        for line in LINES:  # one at a time: answers may come in any order
            plugin.stdin.write(line + b"\n")
            plugin.stdin.flush()
            found.append(told(json.loads(plugin.stdout.readline())))
    assert plugin.returncode == 0
    return found


def told(answer: Any) -> Any:
    """The data of an answer, or of a batch of them."""
    if isinstance(answer, list):
        return [told(one) for one in answer]
    error = answer.get("error") or {}
    details = (error.get("data") or {}).get("details", {})
    seen = (details.get("reason"), details.get("expected"), details.get("got"))
    return (answer["id"], error.get("code"), *(text or "" for text in seen))


def test_the_plugin_on_the_wire_answers_bad_lines_as_the_reference_does(install: Install) -> None:
    reference = str(Path(get_path("scripts"), "cronix-backend-echo"))
    assert answers(install("listing")) == answers(reference)


def test_no_document_sets_the_path_to_the_systems_crontab() -> None:
    """It needs a user in each line; one line without makes cron ignore the whole file."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    assert [page.name for page in pages if "path=/etc/crontab" in page.read_text()] == []
