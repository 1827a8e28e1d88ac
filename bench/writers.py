"""Writers of one crontab that are killed at any moment: nothing that was told as done is lost.

    python -m bench.writers [--seconds 180] [--writers 8] [--seed 7]

Each writer is a process with an app of its own. It applies one version of its job after another
to the same crontab, and notes each version that Apply has told as done. Meanwhile one writer after
the other gets SIGKILL and is started again. At the end the crontab must hold, for each app, the
version that was noted last or the one that was under way, once; and every foreign byte.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from transportlab.backends.crontab import PLUGIN
from transportlab.context import Context
from transportlab.model import ApplyRequest, DesiredJob, Job, PlanRequest, ReadRequest

FOREIGN = b"# mine\n0 6 * * * /usr/local/bin/backup\n"

KILL_EVERY_SECONDS = 0.15
"""A writer's change takes some milliseconds, so every moment of one is hit."""


def write(crontab: str, notes: Path, app: str) -> None:
    """Apply versions without end; killed from outside."""
    operations = PLUGIN.create({"path": crontab, "timezone": "UTC"})
    version = last_noted(notes)
    while True:
        version += 1
        desired = DesiredJob(Job("job", (f"{version % 60} * * * *",)), (f"{version:x}",))
        plan = operations.plan(PlanRequest(app, (desired,)), Context())
        list(operations.apply(ApplyRequest(plan), Context()))
        with notes.open("a") as file:
            file.write(f"{version}\n")


def last_noted(notes: Path) -> int:
    """The last version in a file of notes; a line that a kill has cut short does not count."""
    lines = notes.read_text().split("\n")[:-1] if notes.exists() else []
    return int(lines[-1]) if lines else 0


def campaign(folder: Path, seconds: float, writers: int, seed: int) -> int:
    """Run writers and kill them; return the number of kills."""
    chance = random.Random(seed)  # which writer is killed, not a secret

    def start(number: int) -> subprocess.Popen[bytes]:
        words = [str(folder / "tab"), str(folder / f"notes-{number}"), f"app{number}"]
        return subprocess.Popen([sys.executable, "-m", "bench.writers", "--write", *words])

    running = [start(number) for number in range(writers)]
    kills, end = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            time.sleep(chance.uniform(0, 2 * KILL_EVERY_SECONDS))
            number = chance.randrange(writers)
            running[number].send_signal(signal.SIGKILL)
            running[number].wait()
            kills += 1
            running[number] = start(number)
    finally:
        for process in running:
            process.kill()
            process.wait()
    return kills


def lost(folder: Path, writers: int) -> list[str]:
    """What is not as it must be."""
    data = (folder / "tab").read_bytes()
    operations = PLUGIN.create({"path": str(folder / "tab"), "timezone": "UTC"})
    reply = operations.read(ReadRequest(), Context())
    found = [f"malformed: {marker.text}" for marker in reply.malformed]
    if not data.startswith(FOREIGN):
        found.append("foreign bytes have changed")
    for number in range(writers):
        noted = last_noted(folder / f"notes-{number}")
        versions = [int(e.hash, 16) for e in reply.entries if e.app == f"app{number}"]
        if versions not in ([noted], [noted + 1]) and (noted or versions):
            found.append(f"app{number}: noted {noted}, in the crontab {versions}")
    return found


def main() -> int:
    """Run the campaign and print what came of it; 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--write", nargs=3, metavar=("CRONTAB", "NOTES", "APP"), help="a writer")
    options = parser.parse_args()
    if options.write:
        crontab, notes, app = options.write
        write(crontab, Path(notes), app)
    with tempfile.TemporaryDirectory(prefix="tl-") as name:
        folder = Path(name)
        (folder / "tab").write_bytes(FOREIGN)
        kills = campaign(folder, options.seconds, options.writers, options.seed)
        done = sum(last_noted(folder / f"notes-{n}") for n in range(options.writers))
        problems = lost(folder, options.writers)
    print(f"{options.writers} writers, {done} versions applied, {kills} killed")
    print("\n".join(problems) or "nothing lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
