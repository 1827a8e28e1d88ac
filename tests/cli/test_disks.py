"""A disk that is full and one that is read-only, real ones, through the whole command."""

import json
import subprocess
import sys
from pathlib import Path

from tests.command import namespace

COMMAND = str(Path(sys.executable).with_name("transportlab"))
MANIFEST = Path(__file__).resolve().parents[2] / "spec" / "manifests" / "jobs-256.json"
JOBS = 64
"""More than the disk has room for."""

OLD = "0 6 * * * /usr/local/bin/backup\n"

# A file system of 8 KiB in a mount namespace of its own, which goes with the process.
SCRIPT = """
set -e
mount -t tmpfs -o size=8k tmpfs "$1"
printf '{old}' > "$1/crontab"
{then}
status=0
"$2" apply --handshake-timeout 60 --manifest "$3" --backend crontab --transport "$4" \\
    --backend-config "path=$1/crontab" || status=$?
echo "status $status"
ls "$1"
cat "$1/crontab"
"""


def apply(folder: Path, transport: str, then: str = "") -> "subprocess.CompletedProcess[str]":
    (disk := folder / "disk").mkdir()
    document = json.loads(MANIFEST.read_text())
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**document, "jobs": document["jobs"][:JOBS]}))
    script = SCRIPT.format(old=OLD.replace("\n", "\\n"), then=then)
    arguments = ["sh", str(disk), COMMAND, str(manifest), transport]
    return subprocess.run(
        [*namespace(), "sh", "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_keeps_what_is_there_and_says_how_far_it_came(
    tmp_path: Path, transport: str
) -> None:
    done = apply(tmp_path, transport)
    status, names, lock, *lines = done.stdout.splitlines()
    assert status == "status 1", done.stderr
    assert "RESOURCE_EXHAUSTED" in done.stderr
    assert "applied: " in done.stderr
    assert "unattempted: " in done.stderr
    assert (names, lock) == ("crontab", "crontab.cronix.lock")
    assert lines[0] + "\n" == OLD
    # Each entry is there whole: a schedule line and the marker below it.
    assert len(lines) > 2
    assert all("/usr/local/bin/cronix trigger" in line for line in lines[1::2])
    assert all("cronix:owned" in line for line in lines[2::2])
    assert len(lines) % 2


def test_a_read_only_disk_is_told_and_left_alone(tmp_path: Path) -> None:
    # With bind it is the mount that changes, not the file system, whose owner may be nobody here.
    done = apply(tmp_path, "direct", 'mount -o remount,bind,ro "$1"')
    status, names, *lines = done.stdout.splitlines()
    assert status == "status 1", done.stderr
    assert "READ_ONLY" in done.stderr or "read-only" in done.stderr.lower()
    assert str(tmp_path) in done.stderr
    assert (names, lines) == ("crontab", [OLD.strip()])
