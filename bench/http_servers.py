"""Compares HTTP/1.1 servers for a plugin process that serves one host over a Unix socket.

It runs the servers that are installed (standard library, uvicorn, hypercorn, granian) with the same
blocking backend, mixed in seeded random order; measures start-up to the first answered POST, warm
latency, memory and threads, and checks that each server reports a client that left, streams a
chunked reply and takes a 64 MiB request. Example: python -m bench.http_servers --json-file raw.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from itertools import chain
from pathlib import Path

import httpx
from packaging.requirements import Requirement

from bench.http_server_programs import SERVERS, SOURCES

BODY = json.dumps({"items": [f"value number {i:04d}" for i in range(100)]}).encode()
HEAD = f" HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n".encode()
BIG = 64 * 1024 * 1024
Samples = dict[str, list[list[float]]]  # kind -> one list for each process


def connect(uds: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(uds)
    return sock


def raw_post(sock: socket.socket) -> None:
    """The least client there is: one send, then reads to the known end of the reply."""
    sock.sendall(b"POST /" + HEAD + BODY)
    data = b""
    while not data.endswith(BODY + b"}"):
        if not (more := sock.recv(65536)):
            raise ConnectionError(f"reply ended early: {data[:80]!r}")
        data += more
    if not data.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"wrong status: {data[:80]!r}")


def first_answer(process: subprocess.Popen[bytes], uds: str, begin: float) -> float:
    while process.poll() is None and time.perf_counter() - begin < 20:
        with suppress(FileNotFoundError, ConnectionRefusedError), connect(uds) as sock:
            raw_post(sock)
            return (time.perf_counter() - begin) * 1000
        time.sleep(0.001)
    raise RuntimeError("server did not start")


@contextmanager
def server(name: str, root: Path) -> Iterator[tuple[str, int, float]]:
    """Start one server; give its socket, process id and milliseconds to the first answer."""
    uds = tempfile.mkdtemp(dir=root) + "/s"
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", f"U = {uds!r}\n{SERVERS[name][1]}"]
    env = {**os.environ, "PYTHONPATH": path, "BENCH_MARK": f"{uds}.gone"}
    begin, quiet = time.perf_counter(), subprocess.DEVNULL
    process = subprocess.Popen(command, env=env, stderr=quiet, start_new_session=True)
    try:
        yield uds, process.pid, first_answer(process, uds, begin)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        with suppress(ProcessLookupError):  # its own session: nothing else is in this group
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def status(leader: int, field: str) -> list[int]:
    """One value for each process of the server: granian runs a worker besides its parent."""
    values = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(entry.name)) == leader:
                values += re.findall(rf"{field}:\s+(\d+)", (entry / "status").read_text())
    return [int(value) for value in values]


def one_run(name: str, root: Path, calls: int, rng: random.Random) -> dict[str, list[float]]:
    """One fresh process; with calls > 0 it is also called, after 20 calls that do not count."""
    with server(name, root) as (uds, pid, elapsed):
        result = {"start": [elapsed]}
        transport = httpx.HTTPTransport(uds=uds)
        with connect(uds) as sock, httpx.Client(transport=transport, timeout=20) as client:
            for kind in rng.sample(["raw", "httpx"], 2) if calls else []:
                samples = []
                for _ in range(calls + 20):
                    begin = time.perf_counter()
                    raw_post(sock) if kind == "raw" else client.post("http://x/", content=BODY)
                    samples.append((time.perf_counter() - begin) * 1000)
                result[kind] = samples[20:]
            if calls:
                threads = status(pid, "Threads")
                result |= {"rss": [sum(status(pid, "VmRSS")) / 1024]}
                result |= {"threads": [sum(threads)], "processes": [len(threads)]}
    return result


def check_disconnect(uds: str, _pid: int) -> str:
    with connect(uds) as sock:
        sock.sendall(b"POST /slow" + HEAD + BODY)
        time.sleep(0.3)
    closed = time.monotonic()
    while time.monotonic() - closed < 4:
        with suppress(OSError, ValueError):
            return f"yes, {(float(Path(f'{uds}.gone').read_text()) - closed) * 1000:.0f} ms"
        time.sleep(0.01)
    return "no"


def check_stream(uds: str, _pid: int) -> str:
    begin = time.monotonic()
    client = httpx.Client(transport=httpx.HTTPTransport(uds=uds), timeout=20)
    with client, client.stream("POST", "http://x/stream", content=b"{}") as reply:
        seen = [time.monotonic() - begin for part in reply.iter_raw() if part]
    return "yes" if len(seen) == 3 and seen[0] < 0.15 else f"no: {seen}"


def check_big(uds: str, pid: int) -> str:
    with httpx.Client(transport=httpx.HTTPTransport(uds=uds), timeout=60) as client:
        begin = time.monotonic()
        good = client.post("http://x/big", content=bytes(BIG)).text == str(BIG)
        seconds = time.monotonic() - begin
        good = good and client.post("http://x/", content=BODY).status_code == 200
    peak = sum(status(pid, "VmHWM")) / 1024
    return f"{'yes' if good else 'no'}, {seconds:.2f} s, peak {peak:.0f} MB"


def brought(names: list[str]) -> dict[str, float]:
    """The distributions that come along with a server (no extras) and their size in MB."""
    found: dict[str, float] = {}
    for name in names:
        files = [Path(str(file.locate())) for file in metadata.files(name) or []]
        found[name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        needs = [Requirement(text) for text in metadata.requires(name) or []]
        wanted = [n for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
        found |= brought([need.name.lower() for need in wanted])
    return found


def checks(name: str, root: Path) -> Iterator[str]:
    for check in (check_disconnect, check_stream, check_big):  # each in a fresh process
        with server(name, root) as (uds, pid, _):
            try:
                yield f"{check.__name__[6:]}: {check(uds, pid)}"
            except (httpx.HTTPError, OSError) as error:  # a result, not a crash
                yield f"{check.__name__[6:]}: failed, {error!r}"
    sizes = brought(SERVERS[name][0])
    yield f"brings {len(sizes)} ({sum(sizes.values()):.1f} MB): {' '.join(sorted(sizes)) or '-'}"


def show(raw: dict[str, Samples]) -> None:
    kinds = ("start", "httpx", "raw", "rss")
    print("median (p25-p75) ratio to stdlib; start, httpx and raw in ms, rss in MB")
    print(f"{'server':<18}", *(f"{kind:<25}" for kind in kinds), "threads/processes")
    for name, samples in raw.items():
        line = f"{name:<18} "
        for kind in kinds:
            flat, base = (list(chain(*one[kind])) for one in (samples, raw["stdlib"]))
            low, middle, high = statistics.quantiles(flat, n=4)
            digits = 2 if kind in ("raw", "httpx") else 0
            text = f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
            line += f"{text} {middle / statistics.median(base):.2f}x".ljust(26)
        threads = list(chain(*samples["threads"]))
        print(line + f"{min(threads)}-{max(threads)}/{samples['processes'][0][0]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure HTTP servers on a Unix socket.", allow_abbrev=False
    )
    for option, default in (("starts", 20), ("processes", 5), ("calls", 500), ("seed", 1)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--json-file", type=Path, metavar="FILE", help="write raw samples to it")
    args, there = parser.parse_args(), importlib.util.find_spec
    names = [name for name, (need, _) in SERVERS.items() if all(map(there, need))]
    print("not installed, left out:", ", ".join(SERVERS.keys() - set(names)) or "none")
    rng = random.Random(args.seed)
    raw: dict[str, Samples] = {name: defaultdict(list) for name in names}
    jobs = [(n, args.calls if i < args.processes else 0) for n in names for i in range(args.starts)]
    rng.shuffle(jobs)
    with tempfile.TemporaryDirectory() as folder:
        for module, source in SOURCES.items():
            Path(folder, f"{module}.py").write_text(source)
        for name, calls in jobs:
            for kind, values in one_run(name, Path(folder), calls, rng).items():
                raw[name][kind].append(values)
        show(raw)
        able = {name: list(checks(name, Path(folder))) for name in names}
    print(*(f"{name}: {'; '.join(texts)}" for name, texts in able.items()), sep="\n")
    if args.json_file:
        report = {"options": vars(args), "samples": raw, "checks": able}
        args.json_file.write_text(json.dumps(report, default=str))


if __name__ == "__main__":
    main()
