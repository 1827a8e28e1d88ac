"""A failure as a file: the sequence, what came of it, and the command that plays it again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from transportlab import __version__
from transportlab.conformance.random.state import EDITS
from transportlab.conformance.random.steps import FLAWS, MEANINGS, Adopt, AnyStep, Apply, Plan
from transportlab.data import write_file
from transportlab.errors import UsageError
from transportlab.quote import quote


class Failed(msgspec.Struct, frozen=True):
    """The step that failed, from 1 (0: before the first), and how; clauses: which are broken."""

    step: int
    problem: str
    clauses: str = ""


class Capsule(msgspec.Struct, frozen=True, kw_only=True):
    """One sequence that fails. Only `steps` is needed to play it again.

    sequence: which of the run's failed, counted from 1; it was then shrunk to steps.
    again: whether it failed once more in a fresh session.
    calls: each with its request and how it ended. stderr: the plugin's last lines.
    """

    kind: Literal["random"] = "random"
    format: Literal[1] = 1
    project_version: str = __version__
    replay: str = ""
    plugin: str = ""
    transport: str = ""
    codec: str = ""
    config: Mapping[str, str] = {}
    offers: Sequence[str] = ()
    seed: int = 0
    sequence: int = 0
    failed: Failed = Failed(0, "")
    again: bool = True
    steps: tuple[AnyStep, ...]
    calls: Sequence[Mapping[str, Any]] = ()
    stderr: Sequence[str] = ()

    def write(self, path: Path) -> None:
        """Write the file. Raises OSError."""
        write_file(path, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def load_capsule(path: Path) -> Capsule:
    """Read a capsule. Raises UsageError with what is wrong, and where."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Capsule)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a capsule of random sequences: {error}") from error
    plans = 0
    for number, step in enumerate(found.steps, 1):
        if problem := _wrong(step, plans):
            raise UsageError(f"{path}: step {number}: {problem}")
        plans += isinstance(step, Plan)
    return found


def _wrong(step: AnyStep, plans: int) -> str:
    """What of a step the types let through. plans: how many plan steps come before it."""
    if isinstance(step, Apply):
        wrong = not 0 <= step.plan < plans
        return f"plan: {step.plan}, but {plans} plan steps come before it" if wrong else ""
    words = {"kind": [*EDITS], "schedule": [*MEANINGS], "flaw": ["", *FLAWS]}
    found = [(name, getattr(step, name, None), known) for name, known in words.items()]
    jobs = [*getattr(step, "jobs", ()), *([step.job] if isinstance(step, Adopt) else [])]
    found += [
        ("schedule", schedule, words["schedule"]) for job in jobs for schedule in job.schedules
    ]
    for name, word, known in found:
        if word is not None and word not in known:
            return f"{name}: expected one of {', '.join(filter(None, known))}, got {quote(word)}"
    return ""
