"""`transportlab call`: one RPC, its request and its replies as JSON."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command import COMMAND
from transportlab.channel import EndpointKind
from transportlab.registry import transport_names

Run = Callable[..., Any]

ECHO = ["--backend", "echo"]
PROCESS = transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)[0]
READ = '{"app": "billing-service"}'
JOB = {"job": {"name": "first", "schedules": ["* * * * *"], "request": {"url": "http://a/"}}}


def test_a_reply_is_one_line_of_json(run: Run) -> None:
    done = run("call", "Read", READ, *ECHO)
    assert (done.code, done.err) == (0, "")
    assert done.json["entries"] == []


def test_a_stream_is_one_line_for_each_reply(run: Run) -> None:
    jobs = [JOB | {"hashes": ["21c1b02a51242d12"]}]
    plan = run("call", "Plan", json.dumps({"app": "a", "jobs": jobs}), *ECHO)
    assert plan.code == 0, plan.err
    done = run("call", "Apply", json.dumps({"plan": plan.json}), *ECHO, "--transport", PROCESS)
    assert done.code == 0, done.err
    assert [json.loads(line)["kind"] for line in done.out.splitlines()][-1] == "finished"


def test_the_request_may_come_from_stdin() -> None:
    command = [str(COMMAND), "call", "Read", "-", *ECHO]
    done = subprocess.run(command, input=READ, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["entries"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["Raed"], 'no such method: "Raed"; is it Read?'),
        (["OpenSession"], "OpenSession is the host's own"),
        (["Read", "{"], "Read: the request: "),
        (["Read", '{"app": 1}'], "Read: the request: app: Expected"),
        (["Read", '{"ap": "x"}'], "Read: the request: ap: no such member\n  there are app"),
        (
            ["Plan", '{"app": "a", "jobs": [{"job": {"nmae": ""}}]}'],
            "Plan: the request: jobs/0/job/nmae: no such member\n  there are name, ",
        ),
    ],
)
def test_a_wrong_request_is_told_before_a_plugin_is_started(
    run: Run, words: list[str], told: str
) -> None:
    done = run("call", *words, "--backend", "nobody")
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_the_answer_of_a_backend_is_an_error(run: Run) -> None:
    done = run("call", "Plan", '{"app": "a"}', *ECHO)
    assert (done.code, done.out) == (1, "")
    assert "allow_empty" in done.err


def test_a_secret_is_not_shown(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("swordfish-swordfish")
    done = run("call", "Read", READ, *ECHO, "--log", "--backend-config-file", f"token={secret}")
    assert "swordfish" not in done.output
