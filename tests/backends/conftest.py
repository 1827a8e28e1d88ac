"""What tests of backends share: desired jobs, and both reference backends over one file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab import model
from transportlab.backend import Operations
from transportlab.backends import crontab, echo
from transportlab.context import Context
from transportlab.model import DesiredJob, Job

SAMPLES = Path(__file__).parents[2] / "spec" / "crontabs"

MakeJob = Callable[..., DesiredJob]


def make_job(name: str, *schedules: str, salt: str = "a") -> DesiredJob:
    """A job with those schedules (one at 1 o'clock unless given) and a hash for each."""
    schedules = schedules or ("0 1 * * *",)
    hashes = tuple(f"{salt}{index:x}" for index in range(len(schedules)))
    return DesiredJob(Job(name=name, schedules=schedules), hashes)


@pytest.fixture
def job() -> MakeJob:
    return make_job


class Subject:
    """A backend with its operations in short."""

    def __init__(self, make: Callable[[], Operations], file: Path) -> None:
        self.make = make
        self.operations = make()
        self.file = file

    def sample(self, name: str) -> bytes:
        """Put the crontab of that name from spec/crontabs into the file."""
        data = (SAMPLES / name).read_bytes()
        self.file.write_bytes(data)
        return data

    def plan(self, *jobs: DesiredJob, app: str = "shop", empty: bool = False) -> model.PlanReply:
        request = model.PlanRequest(app, jobs, allow_empty=empty or not jobs)
        return self.operations.plan(request, Context())

    def apply(
        self, plan: model.PlanReply, context: Context | None = None
    ) -> list[model.ApplyEvent]:
        request = model.ApplyRequest(plan)
        return list(self.operations.apply(request, context or Context()))

    def converge(self, *jobs: DesiredJob, app: str = "shop") -> model.Counts | None:
        return self.apply(self.plan(*jobs, app=app))[-1].counts

    def read(self, app: str | None = None) -> model.ReadReply:
        return self.operations.read(model.ReadRequest(app), Context())

    def there(self) -> list[tuple[str, str, int, str, str]]:
        return [(e.app, e.job, e.index, e.hash, e.schedule) for e in self.read().entries]

    def drift(self, *jobs: DesiredJob, app: str = "shop") -> list[tuple[str, str, int]]:
        reply = self.operations.drift(model.DriftRequest(app, jobs), Context())
        return [(item.kind.value, item.job, item.index) for item in reply.items]

    def verify(self, *jobs: DesiredJob, app: str = "shop") -> list[tuple[str, str, int]]:
        request = model.VerifyOwnershipRequest(app, jobs)
        reply = self.operations.verify_ownership(request, Context())
        return [(item.verdict.value, item.entry.job, item.entry.index) for item in reply.items]

    def prune(self, *keep: str, app: str = "shop", dry_run: bool = False) -> model.PruneReply:
        request = model.PruneRequest(app, keep, dry_run, allow_empty=not keep)
        return self.operations.prune(request, Context())

    def adopt(self, job: DesiredJob, app: str = "shop", dry_run: bool = False) -> model.AdoptReply:
        return self.operations.adopt(model.AdoptRequest(app, job, dry_run), Context())


@pytest.fixture
def crontab_subject(tmp_path: Path) -> Subject:
    file = tmp_path / "tab"
    return Subject(lambda: crontab.PLUGIN.create({"path": str(file)}), file)


@pytest.fixture
def echo_subject(tmp_path: Path) -> Subject:
    file = tmp_path / "state.json"
    return Subject(lambda: echo.PLUGIN.create({"state": str(file)}), file)


@pytest.fixture(params=["echo", "crontab"])
def subject(request: pytest.FixtureRequest) -> Subject:
    """Either reference backend, with nothing in it."""
    found: Subject = request.getfixturevalue(f"{request.param}_subject")
    return found
