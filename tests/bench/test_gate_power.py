"""The gate's rates from recorded pairs: the record, the rounds, the table."""

import math
from pathlib import Path
from random import Random

import pytest

from bench import gate_power
from bench.gate_power import Record, Recorded, load, markdown, piece, rounds, save, wilson, within
from bench.paired import ROOT
from transportlab.evidence.arms import load_arms
from transportlab.evidence.gate.decide import Finding, Pairs
from transportlab.evidence.gate.measure import Target
from transportlab.evidence.run import machine

CHANCE = Random(1)
NUMBER = 400


def times(centre: float) -> tuple[float, ...]:
    return tuple(centre * math.exp(CHANCE.gauss(0, 0.04)) for _ in range(NUMBER))


PAIRS = Pairs(times(0.1), times(0.1), times(0.01), times(0.01))
RECORDED = Recorded("python/go/grpc-protobuf", "Go, grpc", PAIRS, 100.0)
FACTS = {
    "cpu": {"model": "CPU"},
    "kernel": "Linux",
    "python": {"version": "3.11"},
    "topology": {"available": [0, 1]},
}
RECORD = Record(
    1, "2026-11-28", "0.1", "c" * 40, False, 1, FACTS, ({"load1": 0.1}, {"load1": 1.5}), (RECORDED,)
)


def test_a_piece_is_in_order_and_has_the_delay_on_a_start_drawn_by_lot() -> None:
    both = list(zip(PAIRS.head, PAIRS.base, strict=True))
    equal = piece(PAIRS, NUMBER, 0.0, Random(1))
    taken = list(zip(equal.head, equal.base, strict=True))
    begin = next(n for n in range(NUMBER) if set(both[n]) == set(taken[0]))
    assert [set(one) for one in taken] == [set(one) for one in both[begin:] + both[:begin]]
    assert 100 < sum(one in both for one in taken) < 300
    slow = piece(PAIRS, 10, 10.0, Random(1))
    more = [a - b for a, b in zip(slow.head, equal.head[:10], strict=True)]
    assert more == pytest.approx([0.01] * 10, rel=0.02)
    assert slow.base == equal.base[:10]


def test_rounds_pass_what_is_equal_and_fail_what_is_slower() -> None:
    assert within(RECORDED) == 360
    assert {one.finding for one in rounds(RECORDED, 0, 20, 1)} == {Finding.CLEAR}
    slow = rounds(RECORDED, 20, 20, 1)
    assert {one.finding for one in slow} == {Finding.SLOWER}
    assert all(one.pairs <= 360 for one in slow)


def test_a_rate_has_wilsons_interval() -> None:
    assert wilson(0, 400) == pytest.approx((0, 0.95), abs=0.01)
    assert wilson(95, 100) == pytest.approx((88.8, 97.8), abs=0.1)


def test_the_record_is_read_back_and_makes_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "power.json.gz"
    save(RECORD, path)
    assert load(path) == RECORD
    monkeypatch.setattr(gate_power, "HISTORIES", 3)
    text = markdown(RECORD, 10)
    assert text.count("\n| ") == 2 + len(gate_power.DELAYS) + 1
    assert "| Go, grpc | 400 | 0.250 | 0 % | 0.0 % [0.0, 27.8] | 100.0 % [72.2, 100.0] |" in text
    assert "on CPU, Linux, Python 3.11." in text
    assert "The load was 0.1 before and 1.5 after.\n" in text


@pytest.mark.long
def test_pairs_are_recorded_in_turn(tmp_path: Path) -> None:
    arms = {arm.id for arm in load_arms().arms()}
    assert set(gate_power.ARMS) <= arms
    program = ROOT / "plugins/stdlib/cronix-backend-stdlib"
    name = "python/stdlib/jsonrpc-json"
    found = gate_power.record({name: ("Python", Target(str(program), "jsonrpc"))}, 1.0, 1)
    [one] = found.arms
    assert one.pairs.head
    assert len(one.pairs.head) == len(one.pairs.again)
    assert found.commit == machine.commit()[0]
