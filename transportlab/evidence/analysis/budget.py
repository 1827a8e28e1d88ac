"""The budget: what a command of cronix may pay for its plugin's transport.

spec/budget.json states it, with the reason of each number, before anything is measured. Times are
in ms over the baseline of the same host. Memory is in MiB that no other process shares, of both
ends together, over that of the baseline.
"""

from pathlib import Path

import msgspec

from transportlab.data import SPEC
from transportlab.evidence.record import EvidenceError

BUDGET = SPEC / "budget.json"

SCALES = {"s": 1e-3, "B": float(1 << 20)}
"""What a ms and a MiB of the budget are in a sample's unit."""


class Allowance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one use of a plugin may cost. what: from where to where it is measured."""

    title: str
    what: str
    ms: float
    ms_reason: str
    mib: float
    mib_reason: str

    def limit(self, unit: str) -> float:
        """The number that a difference in this unit, "s" or "B", is held against."""
        return (self.ms if unit == "s" else self.mib) * SCALES[unit]


Budget = dict[str, Allowance]


def load_budget(path: Path = BUDGET) -> Budget:
    """The allowances by name. Raises EvidenceError if the file is not a budget."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Budget)
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise EvidenceError(f"{path}: not a budget: {error}") from error
