"""cronix's hash of one schedule of a job, by which an entry's marker says what the entry is for.

The host computes the hashes and sends them with the jobs, so no plugin needs this module.
"""

from transportlab.manifest.document import VERSION, Manifest, canonical_bytes
from transportlab.model import DesiredJob, Job

HASH_APP = "_hash_"
"""The app in the hashed bytes, for a job of any app: cronix hashes the job alone."""

OFFSET = 1469598103934665603
"""cronix's first state. It is FNV-1a's 14695981039346656037 without its last digit."""

PRIME = 1099511628211
_MASK = 2**64 - 1


def job_hashes(job: Job) -> tuple[str, ...]:
    """The hash of each schedule, in order: 16 lower-case hex digits.

    FNV-1a, with cronix's OFFSET, of the job's canonical bytes, which hold all its schedules, and
    then of one byte: the position of the one schedule. So all hashes of a job share their work but
    for the last step.
    """
    state = OFFSET
    for byte in canonical_bytes(Manifest(VERSION, HASH_APP, (job,))):
        state = (state ^ byte) * PRIME & _MASK
    steps = ((state ^ index) * PRIME & _MASK for index in range(len(job.schedules)))
    return tuple(f"{step:016x}" for step in steps)


def desired_jobs(manifest: Manifest) -> tuple[DesiredJob, ...]:
    """The jobs with their hashes, in the order of the manifest."""
    return tuple(DesiredJob(job, job_hashes(job)) for job in manifest.jobs)
