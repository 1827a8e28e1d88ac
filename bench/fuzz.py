"""Fuzzes all code that reads a plugin's bytes: any bytes must give an answer or the right error.

    python -m bench.fuzz [--seconds N] [--target NAME]... [--engine hypothesis|atheris]

bench/fuzz_targets.py has the targets. Hypothesis makes inputs of the right shape, and shrinks what
it finds. atheris, if it is installed, follows the coverage of the code. The targets and engines
share the seconds. Prints executions and findings; exits with 1 if something was found.
"""

import argparse
import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("handshake", "log", "tail", "codecs", "jsonrpc", "http", "elf")

ROUND = 50
"""Examples of Hypothesis in one go. Each go begins with simple ones again."""

MARGIN_SECONDS = 60
"""How much longer than its time atheris may take before it is killed."""

MAX_BYTES = 9000
"""Longest input of atheris. The code cuts lines at 8192 bytes."""


@dataclass
class Outcome:
    """What one engine found in one target. `finding` is empty if it found nothing."""

    target: str
    engine: str
    executions: int
    seconds: float
    finding: str = ""

    def __str__(self) -> str:
        head = f"{self.target:10} {self.engine:10} {self.executions:10} executions"
        told = f"FOUND\n{self.finding}" if self.finding else "nothing found"
        return f"{head} {self.seconds:7.1f} s  {told}"


def by_hypothesis(target: str, seconds: float) -> Outcome:
    """Run Hypothesis on a target until the time is up or something is found.

    At least one input is checked, however slow the machine is: no inputs would find nothing.
    """
    from bench.fuzz_targets import TARGETS

    begin, executions, last = time.monotonic(), 0, b""
    failed = False

    @settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(TARGETS[target].shape)
    def row(data: bytes) -> None:
        nonlocal executions, last, failed
        if executions and not failed and time.monotonic() - begin > seconds:
            return
        executions, last = executions + 1, data
        try:
            TARGETS[target].check(data)
        except BaseException:
            failed = True
            raise

    finding = ""
    while not finding and (not executions or time.monotonic() - begin < seconds):
        try:
            row()
        except Exception:
            finding = f"input: {last!r}\n{traceback.format_exc(limit=-3)}"
    return Outcome(target, "hypothesis", executions, time.monotonic() - begin, finding)


def by_atheris(target: str, seconds: float) -> Outcome:
    """Run atheris in a process of its own, since libFuzzer ends the process that it runs in."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tl-fuzz-") as folder:
        asked = ["--inside", target, folder, str(int(seconds))]
        command = [sys.executable, "-m", "bench.fuzz", *asked]
        status, said = _run(command, seconds + MARGIN_SECONDS)
        found = [path.read_bytes() for path in Path(folder).iterdir() if path.is_file()]
    counts = re.findall(r"stat::number_of_executed_units: (\d+)", said)
    finding = "".join(f"input: {data!r}\n" for data in found)
    if finding or status or not counts:
        finding += f"{status}\n{said[-3000:]}"
    taken = time.monotonic() - begin
    return Outcome(target, "atheris", int(counts[-1]) if counts else 0, taken, finding)


def _run(command: list[str], seconds: float) -> tuple[str, str]:
    """Run a command. Returns what is wrong with its end (or an empty text), and its output."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            said, status = process.communicate(timeout=seconds)[0], ""
        except subprocess.TimeoutExpired:
            process.kill()
            said, status = process.communicate()[0], f"no end within {seconds:.0f} s"
    if not status and process.returncode:
        status = f"exit status {process.returncode}"
    return status, said.decode("utf-8", "backslashreplace")


def inside(target: str, folder: str, seconds: str) -> None:
    """Run libFuzzer in this process. Does not return."""
    # By name, so that mypy needs no atheris.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["transportlab", "transports"]):
        from bench.fuzz_targets import TARGETS
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, seed in enumerate(TARGETS[target].seeds):
        Path(corpus, str(number)).write_bytes(seed)
    arguments = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=20"]
    arguments += ["-print_final_stats=1", f"-artifact_prefix={folder}/", str(corpus)]
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target].check)
    atheris.Fuzz()


ENGINES: dict[str, Callable[[str, float], Outcome]] = {
    "hypothesis": by_hypothesis,
    "atheris": by_atheris,
}


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    if arguments[:1] == ["--inside"]:
        inside(*arguments[1:])
    parser = argparse.ArgumentParser(prog="bench.fuzz", description="See bench/fuzz.py.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all together")
    parser.add_argument("--target", choices=NAMES, action="append")
    parser.add_argument("--engine", choices=list(ENGINES), action="append")
    given_ = parser.parse_args(arguments)
    engines = given_.engine or ["hypothesis"]
    if given_.engine is None and importlib.util.find_spec("atheris"):
        engines.append("atheris")
    targets = given_.target or list(NAMES)
    share = given_.seconds / len(engines) / len(targets)
    findings = 0
    for target in targets:
        for engine in engines:
            outcome = ENGINES[engine](target, share)
            print(outcome, flush=True)
            findings += bool(outcome.finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
