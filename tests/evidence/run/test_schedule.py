"""The order of a run."""

from collections import Counter

from transportlab.evidence.run.plan import PROFILES, schedule

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
