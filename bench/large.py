"""Plans and applies 256 jobs of 64 schedules on a real crontab file, over every transport.

    python -m bench.large [TRANSPORT ...]

For each transport and codec it prints the seconds of Plan and of Apply, the peak resident memory of
host and plugin in MiB (VmHWM of proc(5)), and how many entries were created. Each runs in a host
process of its own, so that no peak is another's. Exits with 1 if the resulting files differ.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from transportlab import model
from transportlab.context import Context
from transportlab.errors import LabError
from transportlab.host import HostOptions, open_backend
from transportlab.manifest.document import load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.registry import load_transport, transport_names

MANIFEST = Path(__file__).resolve().parents[1] / "spec" / "manifests" / "jobs-256x64.json"


def peak(pid: int | str) -> float:
    """Return the peak resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def measure(transport: str, codec: str) -> dict[str, Any]:
    """Measure one row in this process: seconds, MiB, counts, and the digest of the file."""
    manifest = load_manifest(MANIFEST)
    jobs = desired_jobs(manifest)
    with tempfile.TemporaryDirectory(prefix="tl-") as folder:
        file = Path(folder, "crontab")
        options = HostOptions(codec=codec, config={"path": str(file)})
        with open_backend("crontab", transport, options) as session:
            begin = time.perf_counter()
            plan = session.backend.plan(model.PlanRequest(manifest.app, jobs), Context())
            planned = time.perf_counter()
            last = list(session.backend.apply(model.ApplyRequest(plan), Context()))[-1]
            applied = time.perf_counter()
            process = session.process
            return {
                "plan": planned - begin,
                "apply": applied - planned,
                "host": peak("self"),
                "plugin": None if process is None else peak(process.pid),
                "created": last.counts and last.counts.created,
                "digest": hashlib.sha256(file.read_bytes()).hexdigest(),
            }


def row(transport: str, codec: str) -> dict[str, Any]:
    """Return the row of measure() from a host process of its own, or why it was not run."""
    command = [sys.executable, "-m", "bench.large", "--one", transport, codec]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1:]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(names: list[str]) -> int:
    """Print the table. Returns 1 if two transports left different files."""
    print("transport codec      plan s  apply s  host MiB  plugin MiB  created")
    digests = set()
    for name in names or transport_names():
        for codec in load_transport(name).traits.codecs:
            found = row(name, codec)
            if "error" in found:
                print(f"{name:9} {codec:9} not run: {' '.join(found['error'])}")
                continue
            digests.add(found["digest"])
            plugin = "in host" if found["plugin"] is None else f"{found['plugin']:.0f}"
            print(
                f"{name:9} {codec:9} {found['plan']:7.2f} {found['apply']:8.2f}"
                f" {found['host']:9.0f} {plugin:>11} {found['created']:8}"
            )
    print("files:", "equal" if len(digests) == 1 else "NOT EQUAL")
    return 0 if len(digests) == 1 else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        try:
            print(json.dumps(measure(*sys.argv[2:4])))
        except LabError as error:
            sys.exit(str(error).splitlines()[0])
    else:
        sys.exit(main(sys.argv[1:]))
