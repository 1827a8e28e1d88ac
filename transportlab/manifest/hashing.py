"""cronix's hash of one schedule of a job: how an entry's marker says what the entry stands for.

The host computes the hashes and sends them, so that no plugin needs this module.
"""

from transportlab.manifest.document import VERSION, Manifest, canonical_bytes
from transportlab.model import DesiredJob, Job

HASH_APP = "_hash_"
"""The app in the hashed bytes, whichever app the job is of: cronix hashes the job alone."""

OFFSET = 1469598103934665603
"""What cronix begins with. It is not FNV-1a's 14695981039346656037, one digit is missing."""

PRIME = 1099511628211
_MASK = 2**64 - 1


def job_hashes(job: Job) -> tuple[str, ...]:
    """A hash for each schedule, 16 lower-case hex digits.

    The hashed bytes hold the whole job, all its schedules included, and after them the position
    of the one schedule: so the bytes are gone through once, and each position is one step more.
    """
    state = OFFSET
    for byte in canonical_bytes(Manifest(VERSION, HASH_APP, (job,))):
        state = (state ^ byte) * PRIME & _MASK
    steps = ((state ^ index) * PRIME & _MASK for index in range(len(job.schedules)))
    return tuple(f"{step:016x}" for step in steps)


def desired_jobs(manifest: Manifest) -> tuple[DesiredJob, ...]:
    """The jobs with their hashes, in the order of the manifest."""
    return tuple(DesiredJob(job, job_hashes(job)) for job in manifest.jobs)
