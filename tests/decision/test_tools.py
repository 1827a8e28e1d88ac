"""Stock tools on a running plugin: the deeds behind the criterion `tools`.

Each deed is a shell script that starts a plugin, opens a session, reads, and ends it. What lacks
its tool is not run.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from transportlab.decision.criteria import FromParts, load_decision

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STDLIB = ROOT / "plugins" / "stdlib" / "cronix-backend-stdlib"
ECHO = Path(sys.executable).with_name("cronix-backend-echo")

SECRET = "5ec7e7" + "0" * 58
OPEN = '{"protocol_versions":[1]}'
APP = "zebra"
READ = f'{{"app":"{APP}"}}'

BEGIN = """
set -eu
coproc PLUGIN { exec $TRACER "$PROGRAM"; }
"""
END = """
exec {PLUGIN[1]}>&-
wait
"""

STDIO = f"""
ask() {{ printf '%s\\n' "$1" >&"${{PLUGIN[1]}}"; read -r reply <&"${{PLUGIN[0]}}"; echo "$reply"; }}
read -r line <&"${{PLUGIN[0]}}"
ask '{{"jsonrpc":"2.0","method":"OpenSession","params":{{"request":{OPEN}}},"id":1}}' >&2
ask '{{"jsonrpc":"2.0","method":"Read","params":{{"request":{READ}}},"id":2}}'
"""

SOCKET = """
printf '%s\\n' "$SECRET" >&"${PLUGIN[1]}"
read -r line <&"${PLUGIN[0]}"
"""
CURL = f"""
ask() {{ curl -sS --unix-socket "$CRONIX_PLUGIN_SOCKET" -H "Cronix-Secret: $SECRET" --json "$2" \\
    "http://localhost/cronix.backend.v1.Backend/$1"; }}
ask OpenSession '{OPEN}' >&2
ask Read '{READ}'
"""
GRPCURL = f"""
ask() {{ grpcurl -plaintext -unix -authority localhost -H "cronix-secret: $SECRET" -emit-defaults \\
    -import-path "$SPEC" -proto backend.proto -d "$2" \\
    "$CRONIX_PLUGIN_SOCKET" "cronix.backend.v1.Backend/$1"; }}
ask OpenSession '{OPEN}' >&2
ask Read '{READ}'
"""

WIRE = ("read", "recvfrom", "recvmsg")
"""The system calls by which a plugin's messages come."""


class Way(Struct, frozen=True):
    """How an option is asked by hand.

    tool: what makes the call. entries: where its reply has them, for jq. method: how the wire names
    the method that is called, if it does in clear text.
    """

    plugin: Path
    script: str
    tool: str
    entries: str
    method: str


WAYS = {
    "jsonrpc": Way(STDLIB, STDIO, "bash", ".result.entries", r"\"method\":\"Read\""),
    "http": Way(STDLIB, SOCKET + CURL, "curl", ".entries", "cronix.backend.v1.Backend/Read"),
    "grpc": Way(ECHO, SOCKET + GRPCURL, "grpcurl", ".entries", "cronix.backend.v1.Backend/Read"),
}

PARTS = {
    option: figure.parts
    for criterion in load_decision().criteria
    if criterion.id == "tools"
    for figure in criterion.figures
    if isinstance(figure, FromParts) and figure.proofs
    for option in figure.options
}


def asked(option: str, folder: Path, tracer: str = "") -> str:
    """What the tool prints of the reply to a Read."""
    way = WAYS[option]
    for tool in ("bash", way.tool):
        if shutil.which(tool) is None:
            pytest.skip(f"not run: no {tool}")
    done = subprocess.run(
        ["bash", "-c", BEGIN + way.script + END],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            "PATH": os.environ["PATH"],
            "PROGRAM": str(way.plugin),
            "TRACER": tracer,
            "SECRET": SECRET,
            "SPEC": str(ROOT / "spec" / "plugin"),
            "CRONIX_PLUGIN_TRANSPORT": option,
            "CRONIX_PLUGIN_SOCKET": str(folder / "s"),
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def called(option: str, folder: Path) -> bool:
    return "entries" in asked(option, folder)


def filtered(option: str, folder: Path) -> bool:
    reply = asked(option, folder)
    if shutil.which("jq") is None:
        pytest.skip("not run: no jq")
    command = ["jq", "-c", WAYS[option].entries]
    return (
        subprocess.run(command, input=reply, check=True, capture_output=True, text=True).stdout
        == "[]\n"
    )


def traced(option: str, folder: Path) -> bool:
    """Whether strace shows the method's name where messages come in."""
    trace = folder / "trace"
    tracer = f"strace -f -qq -s 2000 -e trace={','.join(WIRE)} -o {trace}"
    if shutil.which("strace") is None:
        pytest.skip("not run: no strace")
    if subprocess.run([*tracer.split(), "true"], check=False, capture_output=True).returncode:
        pytest.skip("not run: strace may not trace here")
    asked(option, folder, tracer)
    lines = trace.read_text().splitlines()
    assert any(APP in line for line in lines), "no message came"
    return any(WAYS[option].method in line for line in lines)


DEEDS = {"call": called, "filter": filtered, "trace": traced}


def test_there_is_a_way_for_each_option_with_tools() -> None:
    assert {option: list(parts) for option, parts in PARTS.items()} == {
        option: list(DEEDS) for option in WAYS
    }


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("option", WAYS)
def test_a_tool_does_what_the_criterion_says(option: str, deed: str, tmp_path: Path) -> None:
    assert DEEDS[deed](option, tmp_path) == PARTS[option][deed]
