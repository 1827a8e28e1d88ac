"""Both codecs carry every message, and refuse the same things in the same words."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transportlab import model
from transportlab.codecs import CHECK_EVERY, LARGE, Codec, DecodeError, load_codec
from transportlab.codecs._pb import backend_pb2
from transportlab.codecs.json import CODEC as JSON
from transportlab.codecs.schema import messages
from transportlab.errors import MAX_MESSAGE_BYTES, Code, RpcError, deadline_exceeded
from transportlab.model import INT32_MAX, INT32_MIN

CODECS = [load_codec("json"), load_codec("protobuf")]
both = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)

st.register_type_strategy(int, st.integers(INT32_MIN, INT32_MAX))
st.register_type_strategy(Mapping, st.dictionaries(st.text(), st.text()))
for _kind in messages():
    # Hypothesis would take the default of a map for a value.
    given_all = dict.fromkeys(_kind.__struct_fields__, ...)
    st.register_type_strategy(_kind, st.builds(_kind, **given_all))


@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.__name__)
@settings(max_examples=15)
@given(data=st.data())
def test_every_message_comes_back_as_it_went(kind: type, data: st.DataObject) -> None:
    message = data.draw(st.from_type(kind))
    for codec in CODECS:
        assert codec.decode(kind, codec.encode(message)) == message


@both
@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.__name__)
def test_an_absent_member_is_the_default(codec: Codec, kind: type) -> None:
    assert codec.decode(kind, b"{}" if codec.name == "json" else b"") == kind()


@both
def test_absent_and_empty_are_different_where_a_member_is_optional(codec: Codec) -> None:
    for app in (None, "", "web"):
        request = model.ReadRequest(app)
        assert codec.decode(model.ReadRequest, codec.encode(request)) == request


@both
def test_a_lone_surrogate_is_refused_with_its_path(codec: Codec) -> None:
    job = model.DesiredJob(model.Job(request=model.HttpRequest(body="ok\udfff")))
    with pytest.raises(RpcError) as caught:
        codec.encode(model.PlanRequest("web", (model.DesiredJob(), job)))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.details.path == "jobs/1/job/request/body"
    assert "U+DFFF" in caught.value.message


def test_a_lone_surrogate_in_json_is_told_with_its_path_and_ignored_in_unknown_members() -> None:
    data = rb'{"app":"web","jobs":[{"job":{"schedules":["* * * * *","\udc00"]}}]}'
    with pytest.raises(DecodeError) as caught:
        JSON.decode(model.PlanRequest, data)
    assert caught.value.path == "jobs/0/job/schedules/1"
    with pytest.raises(DecodeError) as caught:
        JSON.decode(model.OpenSessionRequest, rb'{"config":{"\ud800":"x"}}')
    assert caught.value.path.startswith("config")
    known = JSON.decode(model.ReadRequest, rb'{"app":"web","\ud800":1,"later":"\ud800"}')
    assert known == model.ReadRequest("web")


@both
def test_a_lone_surrogate_in_a_map_key_is_refused(codec: Codec) -> None:
    with pytest.raises(RpcError, match="lone surrogate"):
        codec.encode(model.OpenSessionRequest(config={"\ud800": "x"}))


@both
@pytest.mark.parametrize("number", [INT32_MAX + 1, INT32_MIN - 1, 2**53 + 1, 2**63, 2**70])
def test_an_integer_beyond_int32_is_refused_with_its_path(codec: Codec, number: int) -> None:
    policy = model.Policy(retries=model.Retries(max_seconds=number))
    with pytest.raises(RpcError) as caught:
        codec.encode(model.AdoptRequest(job=model.DesiredJob(model.Job(policy=policy))))
    assert caught.value.details.path == "job/job/policy/retries/max_seconds"
    assert str(number) in caught.value.message


@both
def test_a_value_of_a_wrong_type_is_the_callers_own_error(codec: Codec) -> None:
    with pytest.raises((TypeError, ValueError)):
        codec.encode(model.ReadRequest(app=object()))  # type: ignore[arg-type]  # that is the point


@both
def test_the_limit_is_exact(codec: Codec) -> None:
    spare = len(codec.encode(model.ReadRequest("x" * 10_000_000))) - 10_000_000
    fits = codec.encode(model.ReadRequest("x" * (MAX_MESSAGE_BYTES - spare)))
    assert len(fits) == MAX_MESSAGE_BYTES
    with pytest.raises(RpcError) as caught:
        codec.encode(model.ReadRequest("x" * (MAX_MESSAGE_BYTES - spare + 1)))
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert str(MAX_MESSAGE_BYTES + 1) in caught.value.message


@pytest.mark.parametrize(
    ("data", "path", "problem"),
    [
        (b"", "", "not valid JSON"),
        (b"{", "", "not valid JSON"),
        (b"\xff", "", "not valid JSON"),
        (b'{"host_version": "\xff"}', "", "utf-8"),
        (b'{"more": "\xff"}', "", "utf-8"),
        (b'{"m\xf8re": "x"}', "", "utf-8"),
        (b'{"host_version": "\\ud800"}', "host_version", "got `LoneSurrogate`"),
        (b'{"protocol_versions": [NaN]}', "", "not valid JSON"),
        (b'{"protocol_versions": [1, "a"]}', "protocol_versions/1", "Expected `int`"),
        (b'{"protocol_versions": [9007199254740993]}', "protocol_versions/0", "int32"),
        (b'{"protocol_versions": [1.5]}', "protocol_versions/0", "Expected `int`"),
        (b'{"config": {"a": 1}}', "config/...", "Expected `str`"),
        (b'{"host_version": null}', "host_version", "Expected `str`"),
        (b'{"protocol_versions": null}', "protocol_versions", "Expected `array`"),
        (b"[1]", "", "Expected `object`"),
    ],
)
def test_unreadable_json_says_where_and_what(data: bytes, path: str, problem: str) -> None:
    with pytest.raises(DecodeError) as caught:
        JSON.decode(model.OpenSessionRequest, data)
    assert caught.value.path == path
    assert problem in str(caught.value)
    assert caught.value.to_rpc_error().code is Code.INVALID_ARGUMENT


def test_deep_nesting_is_refused_without_harm() -> None:
    deep = b'{"unknown":' + b"[" * 1_000_000
    with pytest.raises(DecodeError):
        JSON.decode(model.ReadRequest, deep)
    nested: Any = {}
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(DecodeError):
        JSON.convert(model.ReadRequest, nested)


def test_a_value_that_json_has_parsed_is_converted_or_refused() -> None:
    assert JSON.convert(model.ReadRequest, {"app": "web"}) == model.ReadRequest("web")
    with pytest.raises(DecodeError) as caught:
        JSON.convert(model.OpenSessionRequest, {"protocol_versions": [2**40]})
    assert caught.value.path == "protocol_versions/0"


def test_unknown_members_are_ignored() -> None:
    assert JSON.decode(model.ReadRequest, b'{"app":"web","new":[1]}') == model.ReadRequest("web")
    wider = backend_pb2.Entry(app="web", job="j", location="unknown to ReadRequest")
    codec = load_codec("protobuf")
    assert codec.decode(model.ReadRequest, wider.SerializeToString()) == model.ReadRequest("web")


def test_unreadable_protobuf_is_refused() -> None:
    codec = load_codec("protobuf")
    for data in (b"\xff\xff", b"\x0a\x05ab", b"\x0a\x01\xff"):
        with pytest.raises(DecodeError, match="not a valid protobuf ReadRequest"):
            codec.decode(model.ReadRequest, data)


def test_an_enum_that_is_not_known_is_refused_with_its_path() -> None:
    plan = backend_pb2.PlanReply(ops=[backend_pb2.Op(kind=1), backend_pb2.Op(kind=99)])  # type: ignore[arg-type]  # a number from the future
    with pytest.raises(DecodeError) as caught:
        load_codec("protobuf").decode(model.PlanReply, plan.SerializeToString())
    assert caught.value.path == "ops/1/kind"
    with pytest.raises(DecodeError) as caught:
        JSON.decode(model.PlanReply, b'{"ops":[{"kind":"delete"},{"kind":"explode"}]}')
    assert caught.value.path == "ops/1/kind"


def test_every_hint_is_of_a_shape_that_the_codecs_know() -> None:
    for kind in messages():
        for hint in get_type_hints(kind).values():
            assert get_origin(hint) is not list, kind
            assert all(get_origin(part) is None for part in get_args(hint)), kind


@both
def test_a_check_can_end_the_reading_of_a_large_message(codec: Codec) -> None:
    many = (model.Entry(command="x" * 20),) * (CHECK_EVERY * 12)
    plan = model.PlanReply(ops=(model.Op(after=many), model.Op(before=many)))
    data = codec.encode(plan)
    assert len(data) > LARGE
    calls: list[None] = []
    assert codec.decode(model.PlanReply, data, lambda: calls.append(None)) == plan
    if codec.name == "json":  # native code reads it, many times faster
        return
    assert len(calls) >= 2 * 12

    def give_up() -> None:
        raise deadline_exceeded()

    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        codec.decode(model.PlanReply, data, give_up)
