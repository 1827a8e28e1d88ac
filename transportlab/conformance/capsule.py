"""Capsules: a JSON file for each failure, with what it takes to understand and to repeat it.

It has the vector as it was run, the plugin's configuration and sum, the failure, what was sent and
received in both directions and when, the plugin's log, the versions, and the command that runs
exactly that again. Secrets are hidden: a capsule is made to be attached to a report.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from transportlab import __version__
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.conformance.ending import with_texts
from transportlab.conformance.report import SUITE, encodable, failure_members, replay_command
from transportlab.conformance.result import ArmResult, Captured, Outcome
from transportlab.conformance.transcript import LOG
from transportlab.data import write_file
from transportlab.errors import UsageError
from transportlab.registry import load_transport

FORMAT = 1


class Capsules(msgspec.Struct, frozen=True):
    """Writes capsules into a folder.

    subject: what was tested, in plain values. replay: the options that name it again. suite: the
    words of the command.
    """

    folder: Path
    subject: Mapping[str, Any]
    replay: Sequence[str]
    suite: Sequence[str] = SUITE

    def write(self, arm: ArmResult, outcome: Outcome) -> Path:
        """Write the capsule of one failure; return its path. Raises OSError."""
        captured = outcome.captured or Captured()
        one = [outcome.vector.id]
        whole: dict[str, Any] = {
            "format": FORMAT,
            "vector": msgspec.to_builtins(outcome.vector),
            "transport": arm.transport,
            "codec": arm.codec,
            "subject": dict(self.subject),
            "seed": None,
            "status": outcome.status,
            "reason": outcome.reason,
            "failure": failure_members(outcome),
            "seconds": round(outcome.seconds, 4),
            "transcript": msgspec.to_builtins(captured.lines),
            "left_out": captured.left_out,
            "log": [line.text for line in captured.lines if line.by == LOG],
            "versions": versions(arm.transport),
            "replay": replay_command(arm, one, self.replay, self.suite),
        }
        if captured.before:
            # The process had carried these out before; what they left may be the reason.
            ids = [*captured.before, *one]
            whole["replay_in_order"] = replay_command(arm, ids, self.replay, self.suite)
        return save(self.folder / f"{arm.name}.{outcome.vector.id}.json", whole)


def save(path: Path, capsule: Mapping[str, Any]) -> Path:
    """Write a capsule's members to a file. Raises OSError."""
    text = json.dumps(with_texts(dict(capsule), encodable), indent=2, ensure_ascii=False)
    write_file(path, f"{text}\n")
    return path


def make_folder(path: Path | None) -> None:
    """Make the folder of capsules, if there is to be one. Raises UsageError."""
    if path is None:
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--capsules: {path}: no folder: {error.strerror}") from error


def versions(transport: str) -> dict[str, Any]:
    """The versions of what took part on this side."""
    owners = metadata.packages_distributions()
    libraries = {
        owner
        for name in load_transport(transport).traits.requires
        for owner in owners.get(name.partition(".")[0], ())
    }
    return {
        "transportlab": __version__,
        "protocol": list(PROTOCOL_VERSIONS),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {name: metadata.version(name) for name in sorted(libraries)},
    }


def file_sum(path: str) -> str:
    """The SHA-256 of a file; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
