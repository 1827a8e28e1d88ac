"""Each fault directive of the echo backend does what it says."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import Operations
from transportlab.backends.echo import PLUGIN
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, RpcError
from transportlab.methods import METHODS
from transportlab.model import ApplyRequest, Entry, PlanReply, ReadRequest

OPERATIONS = [n for n in METHODS if n not in ("OpenSession", "CloseSession")]


def echo(faults: str = "requests") -> Operations:
    return PLUGIN.create({"faults": faults})


def read(operations: Operations, app: str | None = None) -> tuple[Entry, ...]:
    return operations.read(ReadRequest(app), Context()).entries


def apply(operations: Operations, app: str, context: Context | None = None) -> Iterator[Any]:
    return operations.apply(ApplyRequest(PlanReply(app)), context or Context())


def call(operations: Operations, name: str, app: str) -> object:
    method = METHODS[name]
    request: Any = ApplyRequest(PlanReply(app)) if name == "Apply" else method.request()
    if name == "Adopt":
        request = model.AdoptRequest(app)
    elif name != "Apply":
        request = method.request(app=app)  # type: ignore[call-arg]  # all of them have it
    reply = getattr(operations, method.attribute)(request, Context())
    return list(reply) if method.streams else reply


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("way", ["config", "all", "request"])
def test_an_error_comes_from_any_operation_with_every_detail(name: str, way: str) -> None:
    config = {"config": f"{name}=error:ABORTED", "all": "*=error:ABORTED", "request": "requests"}
    with pytest.raises(RpcError) as caught:
        call(echo(config[way]), name, "!error:ABORTED")
    assert caught.value.code is Code.ABORTED
    assert caught.value.message == 'fault ABORTED: "quoted" <&> é \u2028 end'
    assert caught.value.details == model.ErrorDetails(
        "FAULT", "jobs/0", "e", "g", "a", ("a1", "a2"), ("f1",), ("u1",)
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_fault_of_one_method_leaves_the_others_alone(name: str) -> None:
    others = ";".join(f"{other}=panic:x" for other in OPERATIONS if other != name)
    operations = echo(f"{others};{name}=error:NOT_FOUND")
    with pytest.raises(RpcError) as caught:
        call(operations, name, "shop")
    assert caught.value.code is Code.NOT_FOUND


def test_what_faults_let_pass_is_as_without_them(job: Callable[..., model.DesiredJob]) -> None:
    plain, faulty = PLUGIN.create({}), echo("*=sleep:0;*=size:0;Read=print:;requests")
    for operations in (plain, faulty):
        plan = operations.plan(model.PlanRequest("shop", (job("a"),)), Context())
        assert len(list(operations.apply(ApplyRequest(plan), Context()))) == 3
    requests: dict[str, Any] = {
        "Plan": model.PlanRequest("shop", (job("b"),)),
        "Drift": model.DriftRequest("shop", (job("b"),)),
        "Adopt": model.AdoptRequest("shop", job("a")),
        "VerifyOwnership": model.VerifyOwnershipRequest("shop", (job("a"),)),
        "Prune": model.PruneRequest("shop", keep=("b",)),
    }
    for name, request in requests.items():
        replies = [getattr(o, METHODS[name].attribute)(request, Context()) for o in (plain, faulty)]
        assert replies[0] == replies[1]
        assert replies[0] != type(replies[0])()


def test_a_panic_is_an_exception_with_its_text() -> None:
    with pytest.raises(RuntimeError, match=r"^a;b: c$"):
        read(echo(), "!panic:a;b: c")


def test_without_requests_an_app_carries_nothing() -> None:
    assert read(echo("Plan=panic:x"), "!panic:x") == ()


def test_read_gives_an_entry_of_the_size() -> None:
    assert read(echo("Read=size:5")) == (Entry(command="xxxxx"),)


@pytest.mark.parametrize("app", ["!echo:é\n\u2028\0", "!echo"])
def test_read_gives_the_app_back(app: str) -> None:
    assert read(echo(), app) == (Entry(command=app),)


def test_read_gives_an_absent_app_back_as_empty() -> None:
    assert read(echo("*=echo:")) == (Entry(),)


def test_apply_gives_so_many_events() -> None:
    events = list(apply(echo(), "!events:3"))
    assert [(e.kind.value, e.op_index) for e in events[:-1]] == [("started", n) for n in range(3)]
    assert (events[-1].kind.value, events[-1].counts) == ("finished", model.Counts())


def test_events_with_a_pause_end_with_the_deadline() -> None:
    stream = apply(echo(), "!events:2:3600", Context(timeout=0.5))
    assert next(stream).op_index == 0
    with pytest.raises(RpcError) as caught:
        next(stream)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_sleep_ends_with_the_deadline_and_goes_on_otherwise() -> None:
    assert read(echo("Read=sleep:0.001")) == ()
    with pytest.raises(RpcError) as caught:
        echo().read(ReadRequest("!sleep:3600"), Context(timeout=0.01))
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_calls_that_were_seen_cancelled_are_counted() -> None:
    operations = echo()
    assert read(operations, "!cancelled")[0].index == 0
    switch = Cancellation()
    timer = threading.Timer(0.02, switch.cancel)
    timer.start()
    with pytest.raises(RpcError) as caught:
        operations.read(ReadRequest("!sleep:3600"), Context(cancellation=switch))
    timer.join()
    assert caught.value.code is Code.CANCELLED
    assert read(operations, "!cancelled")[0].index == 1
    stream = apply(operations, "!events:2:3600", Context(cancellation=switch))
    next(stream)
    with pytest.raises(RpcError):
        next(stream)
    assert read(operations, "!cancelled")[0].index == 2
    abandoned = apply(operations, "!events:2")
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]  # apply gives a generator
    assert read(operations, "!cancelled")[0].index == 3


def test_an_error_that_says_cancelled_and_a_deadline_do_not_count() -> None:
    operations = echo()
    for action in ("!error:CANCELLED", "!sleep:3600"):
        with pytest.raises(RpcError):
            operations.read(ReadRequest(action), Context(timeout=0.01, cancellation=Cancellation()))
    assert read(operations, "!cancelled")[0].index == 0


def test_a_block_goes_on_past_deadline_and_cancellation() -> None:
    switch = Cancellation()
    switch.cancel()
    context = Context(timeout=0.0, cancellation=switch)
    assert echo().read(ReadRequest("!block:0.01"), context).entries == ()


def test_a_print_reaches_stdout_both_ways(capfd: pytest.CaptureFixture[str]) -> None:
    assert read(echo(), "!print:hallo") == ()
    assert sorted(capfd.readouterr().out.split()) == ["hallo", "hallo"]


def run(code: str) -> "subprocess.CompletedProcess[str]":
    start = (
        "from transportlab.backends.echo import PLUGIN\n"
        "from transportlab.context import Context\n"
        "from transportlab.model import *\n"
        "jobs = tuple(DesiredJob(Job(n, ('s',)), ('aa',)) for n in 'abc')\n"
    )
    command = [sys.executable, "-c", start + code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def filled(text: str) -> model.ErrorDetails:
    return model.ErrorDetails(text, text, text, text, text, (text,), (text,), (text,))


def test_the_token_is_given_away_where_a_fault_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    operations = PLUGIN.create({"faults": "requests", "token": "s3cr;t"})
    with pytest.raises(RuntimeError, match=r"^the s3cr;t is$"):
        read(operations, "!panic:the {token} is")
    with pytest.raises(RpcError) as caught:
        read(operations, "!refuse:{token}!")
    assert caught.value.message == "s3cr;t!"
    assert caught.value.details == filled("s3cr;t!")
    assert read(operations, "!say:{token}") == (Entry(command="s3cr;t"),)
    assert read(operations, "!log:so {token}") == ()
    assert '"msg": "so s3cr;t"' in capfd.readouterr().err  # the context has no session's log here


def test_a_death_leaves_its_words_on_stderr() -> None:
    done = run(
        "config = {'faults': 'Read=die:by {token}', 'token': 's3cr'}\n"
        "PLUGIN.create(config).read(ReadRequest(), Context())"
    )
    assert (done.returncode, done.stderr) == (3, "by s3cr\n")


def test_an_exit_ends_the_process_at_once() -> None:
    done = run("PLUGIN.create({'faults': 'Read=exit:7'}).read(ReadRequest(), Context())")
    assert done.returncode == 7


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_exit_after_some_ops_ends_the_process_with_just_these_done(
    tmp_path: Any, count: int
) -> None:
    path = tmp_path / "state.json"
    config = {"state": str(path), "faults": f"Apply=exit_after:{count}"}
    done = run(
        f"operations = PLUGIN.create({config})\n"
        "plan = operations.plan(PlanRequest('shop', jobs), Context())\n"
        "for event in operations.apply(ApplyRequest(plan), Context()):\n"
        "    print(event.kind.value, event.job, flush=True)\n"
    )
    assert done.returncode == 1
    seen = [f"{kind} {job}" for job in "ab"[:count] for kind in ("started", "done")]
    assert done.stdout.splitlines() == seen
    there = PLUGIN.create({"state": str(path)}).read(ReadRequest(), Context()).entries
    assert [entry.job for entry in there] == list("abc"[:count])


def test_an_exit_after_more_ops_than_there_are_does_not_come() -> None:
    operations = echo("*=exit_after:9")
    plan = operations.plan(model.PlanRequest("shop", allow_empty=True), Context())
    events = list(operations.apply(ApplyRequest(plan), Context()))
    assert [event.kind.value for event in events] == ["finished"]


def test_faults_of_one_method_are_done_in_order() -> None:
    with pytest.raises(RpcError) as caught:
        read(echo("Read=sleep:0.001;Read=error:NOT_FOUND;Read=panic:never"))
    assert caught.value.code is Code.NOT_FOUND


def test_a_fault_of_the_session_strikes_while_it_opens() -> None:
    with pytest.raises(RpcError) as caught:
        echo("OpenSession=error:UNAUTHENTICATED")
    assert caught.value.code is Code.UNAUTHENTICATED
    assert echo("*=panic:x")


@pytest.mark.parametrize(
    "faults",
    [
        "Rad=panic:x",
        "CloseSession=panic:x",
        "Read=explode",
        "Read=error:NO_SUCH",
        "Read=sleep:soon",
        "Plan=size:1",
        "Read=events:1",
        "OpenSession=cancelled",
        "Apply=events:x",
        "rubbish",
        "requests;Read",
    ],
)
def test_an_unknown_fault_is_refused_when_the_session_opens(faults: str) -> None:
    with pytest.raises(RpcError) as caught:
        echo(faults)
    assert (caught.value.code, caught.value.details.path) == (
        Code.INVALID_ARGUMENT,
        "config/faults",
    )


def test_an_unknown_fault_in_a_request_is_the_requests_fault() -> None:
    with pytest.raises(RpcError) as caught:
        echo().plan(model.PlanRequest("!size:3"), Context())
    assert (caught.value.code, caught.value.details.path) == (Code.INVALID_ARGUMENT, "app")
