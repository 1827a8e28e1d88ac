"""docs/seven-operations.md: its lines, spoken with the plugin, and the checks of its tables."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.command import HANG_GUARD

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "seven-operations.md").read_text()
PLUGIN = ROOT / "plugins" / "stdlib" / "cronix-backend-stdlib"
ROW = re.compile(r"^\| [^|]+ \| ([A-Z_]+) \|([^|]*)\|", re.M)

ELSEWHERE = {
    "MISSING_CONFIG at config/<name>",  # tests/sdk: this plugin needs no configuration
    "SHORT_SECRET at config/<name>",
    "STATE_CHANGED at <app>.<job>",  # tests/store: another writer between two ops
}


class Spoken:
    """A plugin on stdio: one line to it, and all lines until the response to that."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin
        assert process.stdout
        self._to, self._from = process.stdin, process.stdout
        self.first = self._from.readline().rstrip("\n")

    def said(self, line: str) -> list[str]:
        self._to.write(f"{line}\n")
        self._to.flush()
        lines = [self._from.readline().rstrip("\n")]
        while "method" in json.loads(lines[-1]):
            lines.append(self._from.readline().rstrip("\n"))
        return lines

    def call(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        line = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"request": request}}
        found: dict[str, Any] = json.loads(self.said(json.dumps(line))[-1])
        return found

    def refused(self, method: str, request: dict[str, Any]) -> str:
        details = self.call(method, request)["error"]["data"]["details"]
        return f"{details['reason']} at {general(details.get('path', ''))}"


@contextmanager
def started() -> Iterator[Spoken]:
    environment = {**os.environ, "CRONIX_PLUGIN_TRANSPORT": "jsonrpc"}
    process = subprocess.Popen(
        [sys.executable, PLUGIN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, process_group=0,
    )  # fmt: skip
    with process:
        yield Spoken(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(HANG_GUARD) == 0


def general(path: str) -> str:
    """A path as the page writes it."""
    names = iter("ij")
    path = re.sub(r"(?<=/)\d+(?=/|$)", lambda _: f"<{next(names)}>", path)
    return re.sub(r"^config/.*", "config/<name>", path)


def test_the_plugin_answers_each_line_as_shown() -> None:
    lines = re.findall(r"^([<>]) (.+)$", PAGE, re.M)
    with started() as plugin:
        answered = [("<", plugin.first)]
        for text in [text for side, text in lines if side == ">"]:
            answered += [(">", text), *(("<", line) for line in plugin.said(text))]
    assert answered == lines


def job(name: str = "a", schedules: int = 1, hashes: tuple[str, ...] = ("ab",)) -> dict[str, Any]:
    return {"job": {"name": name, "schedules": ["0 3 * * *"] * schedules}, "hashes": hashes}


def a_plan(state: str = "", **members: Any) -> dict[str, Any]:
    entry = {"app": "shop", "job": "a", "index": 0, "hash": "ab", "schedule": "0 3 * * *"}
    entry["command"] = "memory shop.a"
    op = {"kind": "create", "job": "a", "after": [entry], "desired": job()} | members
    return {"plan": {"app": "shop", "ops": [op], "state_digest": state}}


NONE: dict[str, Any] = {"app": "shop", "jobs": []}
SAME: list[dict[str, Any]] = a_plan()["plan"]["ops"]

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("Plan", NONE),
    ("Plan", {"app": "Shop", "jobs": [job()]}),
    ("Plan", {"app": "shop", "jobs": [job(), job()]}),
    ("Plan", {"app": "shop", "jobs": [job("A")]}),
    ("Plan", {"app": "shop", "jobs": [job(schedules=0)]}),
    ("Plan", {"app": "shop", "jobs": [job(schedules=2)]}),
    ("Plan", {"app": "shop", "jobs": [job(hashes=("AB",))]}),
    ("Apply", {"plan": {"app": "Shop", "ops": SAME}}),
    ("Apply", {"plan": {"app": "shop", "ops": SAME * 2}}),
    ("Apply", a_plan(before=SAME[0]["after"])),
    ("Apply", a_plan(after=[])),
    ("Apply", a_plan(desired=None)),
    ("Apply", a_plan(desired=job("b"))),
    ("Apply", a_plan(after=[{**SAME[0]["after"][0], "hash": "cd"}])),
    ("Apply", a_plan("another")),
    ("Prune", {"app": "shop"}),
]


def test_each_check_of_the_tables_is_one_that_the_plugin_makes() -> None:
    with started() as plugin:
        found = {plugin.refused("OpenSession", {"protocol_versions": [9]})}
        opening: dict[str, Any] = {"protocol_versions": [1]}
        found.add(plugin.refused("OpenSession", {**opening, "required_capabilities": ["fly"]}))
        found.add(plugin.refused("OpenSession", {**opening, "config": {"no": "such"}}))
        assert "result" in plugin.call("OpenSession", opening)
        found |= {plugin.refused(method, request) for method, request in WRONG}
        now = plugin.call("Plan", NONE | {"allow_empty": True})["result"]["state_digest"]
        other = {"kind": "delete", "after": [], "before": SAME[0]["after"], "desired": None}
        found.add(plugin.refused("Apply", a_plan(now, **other)))
    assert set(told()) == found | ELSEWHERE


def told() -> Iterator[str]:
    for reason, places in ROW.findall(PAGE):
        first, *more = re.findall(r"`([^`]*)`", places) or [""]
        for place in [first, *(first.rpartition("/")[0] + each for each in more)]:
            yield f"{reason} at {place}"


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Drift", {"app": "shop", "jobs": [job("A")]}),
        ("VerifyOwnership", {"app": "shop", "jobs": [job("A")]}),
        ("Adopt", {"app": "shop", "job": job("A")}),
        ("Apply", a_plan(job="A", desired=job("A"))),
    ],
)
def test_the_other_calls_make_the_checks_of_plan(method: str, request_: dict[str, Any]) -> None:
    with started() as plugin:
        plugin.call("OpenSession", {"protocol_versions": [1]})
        where = {"Adopt": "job/", "Apply": "plan/ops/<i>/desired/"}.get(method, "jobs/<i>/")
        assert plugin.refused(method, request_) == f"INVALID_NAME at {where}job/name"
