"""Which arms can be measured, and the order of a run."""

from collections import Counter

import pytest
from msgspec.structs import replace

from transportlab.errors import PluginError, UsageError
from transportlab.evidence import arms as catalogue
from transportlab.evidence.analysis.stats import MIN_BLOCKS
from transportlab.evidence.arms import load_arms
from transportlab.evidence.record import Arm
from transportlab.evidence.run.plan import (
    LATER,
    PROFILES,
    chosen_arms,
    codec_arms,
    copy_of,
    schedule,
    transport_arms,
)
from transportlab.registry import load_transport, transport_names


def test_every_transport_is_an_arm_with_each_codec_or_has_a_reason() -> None:
    found, missing = transport_arms()
    absent = {name for gap in missing for name in gap.what.split(", ")}
    every = {
        f"{name}-{codec}"
        for name in transport_names()
        for codec in load_transport(name).traits.codecs
    }
    assert {arm.id for arm in found} == every - absent
    assert all(arm.id == f"{arm.transport}-{arm.codec}" for arm in found)


def test_a_library_that_is_missing_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in transport_names():
        transport = load_transport(name)
        if transport.traits.requires:
            monkeypatch.setattr(transport, "traits", replace(transport.traits, requires=("wings",)))
    found, missing = transport_arms()
    assert all(not load_transport(arm.transport).traits.requires for arm in found)
    assert missing
    assert all(gap.why.startswith("not installed: wings; pip install ") for gap in missing)


@pytest.mark.parametrize(
    ("code", "library", "program"),
    [
        ("E-NOT-FOUND", "not built; ", "E-NOT-FOUND"),
        ("E-NOT-A-FILE", "E-NOT-A-FILE: why", "E-NOT-A-FILE: why"),
    ],
)
def test_a_plugin_that_is_missing_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, code: str, library: str, program: str
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise PluginError(code, "why")

    monkeypatch.setattr(catalogue, "find", nothing)
    found, missing = transport_arms()
    assert {load_transport(arm.transport).traits.wire for arm in found} == {False}
    assert {gap.why.partition("`")[0] for gap in missing} == {library, program}


def test_the_lab_and_what_is_quick_are_a_quick_runs_arms_and_the_rest_is_told() -> None:
    quick, full = chosen_arms(every=False), chosen_arms(every=True)
    assert {arm.id for arm in quick.arms} <= {arm.id for arm in full.arms}
    assert quick.arms[: len(transport_arms()[0])] == transport_arms()[0]
    later = {name for gap in quick.left_out if gap.why == LATER for name in gap.what.split(", ")}
    told = {name for gap in quick.left_out for name in gap.what.split(", ")}
    measured = {arm.id for arm in quick.arms}
    assert measured | told == {arm.id for arm in load_arms().arms()}
    assert later.isdisjoint(load_arms().quick)
    assert LATER not in {gap.why for gap in full.left_out}


def test_arms_that_are_asked_for_are_all_that_is_measured() -> None:
    one = transport_arms()[0][0]
    found = chosen_arms(every=False, words=(one.id,))
    assert (found.arms, found.left_out) == ([one], [])


def test_anybodys_plugin_is_an_arm_beside_the_others() -> None:
    mine = "name=mine,plugin=plugins/stdlib/cronix-backend-stdlib,transport=jsonrpc"
    found = chosen_arms(every=False, words=("all", mine))
    assert found.arms[:-1] == chosen_arms(every=False).arms
    assert found.arms[-1] == Arm(
        "python/mine/jsonrpc-json", "jsonrpc", "json", "arm", "python", "mine"
    )


def test_an_arm_that_is_asked_for_and_cannot_run_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"--arm name=x,.*: not run: no such file"):
        chosen_arms(every=False, words=("name=x,plugin=./none,transport=grpc",))


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
    for name in ("quick", "full"):
        for places in PROFILES[name].blocks.values():
            assert min(places.values()) >= MIN_BLOCKS, "fewer give no interval"
