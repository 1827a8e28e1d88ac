"""The order of calls, negotiation, config and capabilities: the session around every backend."""

from collections.abc import Mapping
from typing import Any

import pytest

from transportlab import model
from transportlab.backend import ConfigKey, Operations, Plugin
from transportlab.context import Context
from transportlab.dispatch import Dispatcher
from transportlab.errors import MAX_CALLS, Code, LabError, RpcError
from transportlab.methods import APPLY, OPEN_SESSION, PLAN, READ
from transportlab.registry import load_backend
from transportlab.sdk.session import PluginSession


class OnlyReads:
    """A backend that can do one thing, and that as it is told."""

    def __init__(self, answer: Exception | model.ReadReply) -> None:
        self.answer = answer

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        if isinstance(self.answer, Exception):
            raise self.answer
        assert context.session is not None
        assert context.session.protocol_version == 1
        return self.answer


def plugin(answer: Any = None, **more: Any) -> Plugin:
    def create(config: Mapping[str, str]) -> Operations:
        return OnlyReads(answer or model.ReadReply())  # type: ignore[return-value]  # the rest is what is missing

    return Plugin("demo", "1.4.0", create, **more)


def opened(made: Plugin, **request: Any) -> PluginSession:
    session = PluginSession(made)
    wanted = {"host_version": "9", "protocol_versions": (1,), **request}
    session.open_session(model.OpenSessionRequest(**wanted), Context())
    return session


def refusal(made: Plugin, **request: Any) -> RpcError:
    with pytest.raises(RpcError) as caught:
        opened(made, **request)
    return caught.value


def test_the_highest_common_version_is_chosen_and_the_plugin_names_itself() -> None:
    session = PluginSession(plugin())
    request = model.OpenSessionRequest("9", (3, 1, 7))
    reply = session.open_session(request, Context())
    assert (reply.protocol_version, reply.plugin_name, reply.plugin_version) == (1, "demo", "1.4.0")


@pytest.mark.parametrize(("versions", "action"), [((), "host"), ((0,), "host"), ((2, 3), "plugin")])
def test_without_a_common_version_both_sets_and_who_must_act_are_named(
    versions: tuple[int, ...], action: str
) -> None:
    error = refusal(plugin(), protocol_versions=versions)
    assert error.code is Code.FAILED_PRECONDITION
    assert error.details.expected == "{1}"
    assert error.details.got == "{" + ",".join(map(str, versions)) + "}"
    assert error.details.action == f"install a newer {action}"


def test_a_refused_open_leaves_the_session_new() -> None:
    session = PluginSession(plugin())
    with pytest.raises(RpcError):
        session.open_session(model.OpenSessionRequest("9", (2,)), Context())
    session.open_session(model.OpenSessionRequest("9", (1,)), Context())


def test_unknown_and_missing_config_are_named() -> None:
    made = plugin(config=(ConfigKey("path", "the file", required=True), ConfigKey("mode", "how")))
    assert refusal(made, config={"colour": "red"}).details.path == "config/colour"
    assert "path, mode" in refusal(made, config={"colour": "red"}).message
    assert refusal(made).details.path == "config/path"
    assert "the file" in refusal(made).message


def test_a_missing_capability_is_named() -> None:
    error = refusal(plugin(capabilities=("read",)), required_capabilities=("read", "adopt"))
    assert error.details.reason == "CAPABILITY"
    assert "adopt" in error.message


@pytest.mark.parametrize("capabilities", [("read",), ("read", "plan", "apply")])
def test_an_operation_that_is_not_offered_or_not_there_is_unknown(
    capabilities: tuple[str, ...],
) -> None:
    dispatcher = Dispatcher(opened(plugin(capabilities=capabilities)))
    for call in (
        lambda: dispatcher.unary(PLAN, model.PlanRequest(), Context()),
        lambda: list(dispatcher.stream(APPLY, model.ApplyRequest(), Context())),
    ):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.UNIMPLEMENTED


def test_calls_before_and_after_the_session_say_what_to_do() -> None:
    session = PluginSession(plugin())
    for state, action in (("NOT_OPEN", "call OpenSession"), ("CLOSED", "start the plugin anew")):
        with pytest.raises(RpcError) as caught:
            session.read(model.ReadRequest(), Context())
        assert caught.value.code is Code.FAILED_PRECONDITION
        assert caught.value.details.reason == f"SESSION_{state}"
        assert action in caught.value.details.action
        if state == "NOT_OPEN":
            session.open_session(model.OpenSessionRequest("9", (1,)), Context())
            session.close_session(model.CloseSessionRequest(), Context())
    with pytest.raises(RpcError) as caught:
        session.open_session(model.OpenSessionRequest("9", (1,)), Context())
    assert caught.value.details.reason == "SESSION_CLOSED"


def test_a_bug_is_internal_and_its_traceback_goes_to_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dispatcher = Dispatcher(opened(plugin(ValueError("boom"))))
    with pytest.raises(RpcError) as caught:
        dispatcher.unary(READ, model.ReadRequest(), Context())
    assert caught.value.code is Code.INTERNAL
    assert caught.value.message == "the backend demo 1.4.0 failed: ValueError: boom"
    assert "Traceback" not in caught.value.message
    assert "Traceback" in capsys.readouterr().err


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("nothing to say")


@pytest.mark.parametrize(
    ("raised", "shown"),
    [(SystemExit("leaves"), "SystemExit: leaves"), (Mute(), "Mute: (its text cannot be made)")],
)
def test_whatever_ends_a_call_is_answered(raised: BaseException, shown: str) -> None:
    class Raising:
        def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
            raise raised

        def apply(self, request: model.ApplyRequest, context: Context) -> Any:
            yield model.ApplyEvent()
            raise raised

    made = Plugin("demo", "1.4.0", lambda _config: Raising())  # type: ignore[arg-type,return-value]  # as above
    dispatcher = Dispatcher(opened(made))
    with pytest.raises(RpcError) as caught:
        dispatcher.unary(READ, model.ReadRequest(), Context())
    assert caught.value.message == f"the backend demo 1.4.0 failed: {shown}"
    with pytest.raises(RpcError) as caught:
        list(dispatcher.stream(APPLY, model.ApplyRequest(), Context()))
    assert caught.value.message == f"the backend demo 1.4.0 failed: {shown}"


SECRET = "wertgtgg7shd-shd7hd/Ä"


def filled(text: str) -> model.ErrorDetails:
    return model.ErrorDetails(text, text, text, text, text, (text,), (text,), (text,))


def leaky(kind: str) -> Plugin:
    """A backend with a secret and a plain value, which gives both away in the way that is asked."""

    def create(config: Mapping[str, str]) -> Operations:
        text = f"{config['token']} at {config['place']}"
        if kind == "refused":
            raise RpcError(Code.INVALID_ARGUMENT, text, filled(text))
        if kind == "create":
            raise RuntimeError(text)
        return OnlyReads(LabError(text) if kind == "lab" else RuntimeError(text))  # type: ignore[return-value]  # the rest is what is missing

    keys = (ConfigKey("token", "a credential", secret=True), ConfigKey("place", "a place"))
    return Plugin("demo", "1.4.0", create, config=keys)


def _open_and_read(dispatcher: Dispatcher, request: model.OpenSessionRequest) -> None:
    dispatcher.unary(OPEN_SESSION, request, Context())
    dispatcher.unary(READ, model.ReadRequest(), Context())


@pytest.mark.parametrize("kind", ["refused", "create", "lab", "panic"])
def test_a_secret_is_in_no_error_and_in_no_log(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session = PluginSession(leaky(kind))
    dispatcher = Dispatcher(session)
    request = model.OpenSessionRequest("9", (1,), {"token": SECRET, "place": "/etc/here"})
    with pytest.raises(RpcError) as caught:
        _open_and_read(dispatcher, request)
    status = caught.value.to_status()
    assert SECRET not in repr(status)
    assert "[token] at /etc/here" in status.message
    if kind == "refused":
        assert set(status.details.applied) == {"[token] at /etc/here"}
        assert status.details.action == "[token] at /etc/here"
    logged = capsys.readouterr().err
    assert SECRET not in logged
    assert repr(SECRET)[1:-1] not in logged
    assert ("[token] at /etc/here" in logged) is (kind in ("create", "panic"))


def test_a_secret_that_cannot_be_hidden_is_refused() -> None:
    for value in ("§", "§§§"):
        error = refusal(leaky("panic"), config={"token": value, "place": "/"})
        assert error.details.reason == "SHORT_SECRET"
        assert error.details.path == "config/token"
        assert value not in error.message
    for value in ("", "1234"):
        opened(leaky("panic"), config={"token": value, "place": "/"})


def test_a_request_does_not_show_its_configuration() -> None:
    assert SECRET not in repr(model.OpenSessionRequest("9", (1,), {"token": SECRET}))


def test_a_lab_error_of_a_backend_is_unknown_with_its_text() -> None:
    dispatcher = Dispatcher(opened(plugin(LabError("a plugin behind this one is gone"))))
    with pytest.raises(RpcError) as caught:
        dispatcher.unary(READ, model.ReadRequest(), Context())
    assert caught.value.code is Code.UNKNOWN
    assert "behind this one" in caught.value.message


def test_one_call_too_many_is_refused_and_places_are_given_back() -> None:
    class Nested:
        """Calls the dispatcher from within a call, as deep as it is let."""

        depth = 0

        def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
            self.depth += 1
            return dispatcher.unary(READ, request, context)

    nested = Nested()
    dispatcher = Dispatcher(nested)  # type: ignore[arg-type]  # one operation is enough here
    for _ in range(2):
        nested.depth = 0
        with pytest.raises(RpcError) as caught:
            dispatcher.unary(READ, model.ReadRequest(), Context())
        assert caught.value.details.reason == "TOO_MANY_CALLS"
        assert nested.depth == MAX_CALLS


def test_a_call_past_its_deadline_is_not_made() -> None:
    dispatcher = Dispatcher(PluginSession(plugin()))
    with pytest.raises(RpcError) as caught:
        dispatcher.unary(OPEN_SESSION, model.OpenSessionRequest("9", (1,)), Context(timeout=-1))
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_the_reference_backends_offer_everything() -> None:
    for name in ("echo", "crontab"):
        found = load_backend(name)
        assert found is not None
        assert found.name == name
    assert load_backend("nobody") is None
