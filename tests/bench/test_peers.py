"""bench.peers: its table, its judgement, and a short run of it against real peers."""

import json
import re
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bench.peers import __main__ as peers
from bench.peers.__main__ import Result, chosen, measure, table, verdict, worst
from bench.peers.build import build, largest_manifest, ours, seed
from bench.peers.rows import Group, Row
from bench.peers.samples import Values
from transportlab.evidence.arms import load_arms

ROOT = Path(__file__).resolve().parents[2]

START = Row("grpc-start", "a start", 1.05)
HALVES = Row("session-x", "a session", 1.15, ("one", "other"))
DECODE = Row("decode-json", "a decode", 2.2, (), "s")


def result(row: Row, *blocks: Values) -> Result:
    return Result(row, list(blocks))


def group(row: Row, most: int = 0, lacking: str = "") -> Group:
    def block(draw: Random) -> dict[str, Values]:
        return {row.id: {"lab": draw.random(), "peer": 1.0}}

    return Group((row,), block, most, lacking)


def test_a_ratio_is_the_median_of_the_blocks_ratios() -> None:
    found = result(
        START, {"lab": 2.0, "peer": 1.0}, {"lab": 9.0, "peer": 3.0}, {"lab": 8.0, "peer": 1.0}
    )
    assert found.judged == 3.0
    assert "3.00 [2.00, 8.00] ! | 1.05" in table([found])[-1]


def test_the_longer_of_two_is_what_counts() -> None:
    assert result(HALVES, {"lab": 6.0, "one": 2.0, "other": 3.0}).judged == 2.0


def test_a_row_without_a_peer_is_bounded_by_itself() -> None:
    assert result(DECODE, {"lab": 1.5}).judged == 1.5


def test_the_other_environment_has_a_ratio_of_its_own() -> None:
    found = result(START, {"lab": 1.0, "before": 4.0, "peer": 2.0})
    [head, _, line] = table([found])
    assert head.endswith("| lab | before | peer |")
    assert line.endswith("| 1000 ms | 4000 ms; 2.00 [2.00, 2.00] | 2000 ms |")


@pytest.mark.parametrize(("seconds", "fails"), [(1.05, 0), (1.25, 0), (1.27, 1)])
def test_a_row_fails_beyond_its_bound_and_the_slack(seconds: float, fails: int) -> None:
    found = [result(START, {"lab": seconds, "peer": 1.0}), result(DECODE)]
    assert len(verdict(found)) == fails


@pytest.mark.parametrize(("seconds", "status"), [(1.0, 0), (2.0, 1)])
def test_check_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    status: int,
) -> None:
    found = [result(START, {"lab": seconds, "peer": 1.0})]
    monkeypatch.setattr(peers, "build", lambda folder: None)
    monkeypatch.setattr(peers, "groups", lambda at: [group(START)])
    monkeypatch.setattr(peers, "measure", lambda *_: found)
    assert peers.main(["--check"]) == status
    assert ("grpc-start" in capsys.readouterr().err) == bool(status)
    assert peers.main([]) == 0


def test_a_row_without_a_bound_never_fails() -> None:
    found = result(Row("floor-x", "a start", 0), {"lab": 9.0, "peer": 1.0})
    assert verdict([found]) == []
    assert table([found])[-1].startswith("| floor-x | a start | 9.00 [9.00, 9.00] |  |")


def test_of_a_family_the_worst_is_shown() -> None:
    rows = [Row(f"overhead-x-{n}", "", 1.15, family="overhead-x") for n in range(3)]
    values = zip(rows, (1.0, 3.0, 2.0), strict=True)
    found = [result(row, {"lab": value, "peer": 1.0}) for row, value in values]
    assert worst([*found, result(DECODE)]) == [found[1], result(DECODE)]


def test_what_is_lacking_is_not_run_and_no_failure() -> None:
    found = measure([group(START, lacking="no go"), group(DECODE)], 2, 1)
    assert [len(r.blocks) for r in found] == [0, 2]
    assert "not run: no go" in table(found)[2]
    assert not found[0].fails


def test_a_group_has_at_most_its_own_number_of_blocks() -> None:
    [few, many] = measure([group(START, most=3), group(DECODE)], 5, 1)
    assert (len(few.blocks), len(many.blocks)) == (3, 5)


def test_rows_are_chosen_by_how_they_begin() -> None:
    every = [group(START), group(HALVES), group(DECODE)]
    assert chosen(every, "decode,grpc") == [every[2], every[0]]
    assert chosen(every, "") == every
    with pytest.raises(ValueError, match='no row "dec"; there are grpc-start, session-x'):
        chosen(every, "dec")


def test_the_peers_read_ten_entries() -> None:
    assert len(seed()) == 10


@pytest.mark.slow
def test_every_program_is_built(tmp_path: Path) -> None:
    built = build(tmp_path)
    scripts = [plugin.id for plugin in ours(load_arms()) if not plugin.needs]
    assert scripts
    for program in (*(built.peers[name] for name in scripts), built.flood):
        text = Path(program).read_text()
        assert text.startswith(f"#!{sys.executable}")
        assert not re.search("@[A-Z]+@", text)
        compile(text, program, "exec")
    assert json.loads(Path(built.entries).read_text())[0]["app"] == seed()[0].app


def test_the_largest_manifest_has_what_a_manifest_may_have() -> None:
    jobs = largest_manifest()["jobs"]
    assert isinstance(jobs, list)
    assert {len(jobs), *(4 * len(job["schedules"]) for job in jobs)} == {256}


@pytest.mark.slow
def test_a_short_run_measures_real_peers(tmp_path: Path) -> None:
    file = tmp_path / "peers.json"
    rows = "grpc,stdio-start,http-start,version,plan-go,session-jsonrpc,memory,floor,imports-grpc"
    command = [sys.executable, "-m", "bench.peers", "--blocks", "1", "--rows", rows]
    command += ["--json-file", str(file), "--plugin-python", sys.executable]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {one["row"]["id"]: one for one in json.loads(file.read_text())}
    assert len(found) == 14
    assert len(done.stdout.splitlines()) == 2 + len(found)
    lacking = {name for name, one in found.items() if not one["blocks"]}
    assert lacking <= {"plan-go", "floor-go", "floor-node"}
    for name, one in found.items():
        for block in one["blocks"]:
            assert {"lab", "before"} < block.keys() or name == "imports-grpc"
            assert all(value > 0 for value in block.values())


@pytest.mark.parametrize("name", ["web", "flood"])
def test_a_peer_on_http_server_waits_for_nothing_at_its_end(name: str, tmp_path: Path) -> None:
    path = ROOT / "bench" / "peers" / "programs" / f"cronix-backend-{name}"
    code = """
import runpy, socketserver, sys
socketserver.BaseServer.serve_forever.__defaults__ = (3600,)  # how often it looks for an end
runpy.run_path(sys.argv[1], run_name="__main__")
"""
    variables = {"CRONIX_PLUGIN_SOCKET": str(tmp_path / "s"), "CRONIX_PLUGIN_CODEC": "json"}
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, check=True, input=b"secret\n", env=variables, timeout=60)
    assert done.returncode == 0
