"""Which arms can be measured, and the order of a run."""

from collections import Counter

import pytest
from msgspec.structs import replace

from transportlab.errors import PluginError
from transportlab.evidence.record import Arm
from transportlab.evidence.run import plan
from transportlab.evidence.run.plan import (
    PROFILES,
    codec_arms,
    copy_of,
    schedule,
    transport_arms,
)
from transportlab.registry import load_transport, transport_names


def test_every_transport_is_an_arm_with_each_codec_or_has_a_reason() -> None:
    found, missing = transport_arms()
    absent = {name for name, _ in missing}
    pairs = {
        (name, codec)
        for name in transport_names()
        if name not in absent
        for codec in load_transport(name).traits.codecs
    }
    assert {(arm.transport, arm.codec) for arm in found} == pairs
    assert len({arm.id for arm in found}) == len(found)


def test_a_library_that_is_missing_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in transport_names():
        transport = load_transport(name)
        if transport.traits.requires:
            monkeypatch.setattr(transport, "traits", replace(transport.traits, requires=("wings",)))
    found, missing = transport_arms()
    assert all(not load_transport(arm.transport).traits.requires for arm in found)
    assert missing
    assert all(why.startswith("not installed: wings; pip install ") for _, why in missing)


@pytest.mark.parametrize(
    ("code", "library", "program"),
    [
        ("E-NOT-FOUND", "not built; ", "E-NOT-FOUND"),
        ("E-NOT-A-FILE", "E-NOT-A-FILE", "E-NOT-A-FILE"),
    ],
)
def test_a_plugin_that_is_missing_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, code: str, library: str, program: str
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise PluginError(code, "no such file")

    monkeypatch.setattr(plan, "find", nothing)
    found, missing = transport_arms()
    assert {load_transport(arm.transport).traits.wire for arm in found} == {False}
    assert {why.partition("`")[0] for _, why in missing} == {library, program}


def test_the_copy_is_of_an_arm_with_a_plugin_process() -> None:
    found = transport_arms()[0]
    copy = copy_of(found)
    assert copy.role == "aa"
    assert copy.original in {arm.id for arm in found}
    assert load_transport(copy.transport).traits.isolated


def test_the_copy_is_of_the_first_arm_where_none_has_a_process() -> None:
    codecs = codec_arms(transport_arms()[0])
    assert copy_of(codecs) == Arm(f"{codecs[0].id}#2", "", codecs[0].codec, "aa")


def test_each_codec_is_an_arm_once() -> None:
    assert [arm.id for arm in codec_arms(transport_arms()[0])] == ["codec-json", "codec-protobuf"]


def test_an_arm_is_usual_by_its_transports_first_codec() -> None:
    for arm in transport_arms()[0]:
        assert arm.usual == (load_transport(arm.transport).traits.codecs[0] == arm.codec)
    assert not copy_of(transport_arms()[0]).usual


BLOCKS = {"handshake": {"unpinned": 12, "same": 3}, "steady": {"same": 12}}
ARMS = {"handshake": ("a", "b", "c", "d"), "steady": ("a", "b", "control")}


def test_every_block_is_there_once_with_every_arm_once() -> None:
    plan = schedule(BLOCKS, ARMS, 1)
    kinds = Counter((block.group, block.placement) for block in plan)
    assert kinds == {
        ("handshake", "unpinned"): 12,
        ("handshake", "same"): 3,
        ("steady", "same"): 12,
    }
    assert len({(b.group, b.placement, b.number) for b in plan}) == len(plan)
    assert all(sorted(block.order) == sorted(ARMS[block.group]) for block in plan)


def test_a_seed_gives_one_order_and_another_seed_another() -> None:
    assert schedule(BLOCKS, ARMS, 7) == schedule(BLOCKS, ARMS, 7)
    assert schedule(BLOCKS, ARMS, 7) != schedule(BLOCKS, ARMS, 8)


def test_arms_change_places_from_block_to_block() -> None:
    plan = schedule(BLOCKS, ARMS, 1)
    assert len({block.order for block in plan if block.group == "handshake"}) > 5


def test_kinds_alternate_instead_of_following_each_other() -> None:
    plan = schedule(BLOCKS, ARMS, 3)
    first, second = plan[: len(plan) // 2], plan[len(plan) // 2 :]
    for half in (first, second):
        kinds = Counter((block.group, block.placement) for block in half)
        assert kinds["handshake", "unpinned"] in (5, 6, 7)
        assert kinds["handshake", "same"] in (1, 2)


def test_blocks_of_a_kind_are_numbered_in_order() -> None:
    numbers = [b.number for b in schedule(BLOCKS, ARMS, 1) if b.group == "steady"]
    assert numbers == list(range(12))


def test_the_profiles_have_the_blocks_that_the_method_asks_for() -> None:
    for name, least in (("quick", 5), ("full", 30)):
        for group, places in PROFILES[name].blocks.items():
            assert min(places.values()) >= 5, "fewer give no interval"
            assert max(places.values()) >= least or group == "codec"
