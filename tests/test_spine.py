"""One story over all transports: the same replies, and the same bytes in the crontab.

docs/adding-a-transport.md runs this very file over a transport from outside the tree.
"""

import runpy
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from transportlab import model
from transportlab.backend import Backend
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.manifest.document import Manifest, load_manifest
from transportlab.manifest.hashing import desired_jobs
from transportlab.manifest.pin import PluginPin

SPEC = Path(__file__).resolve().parents[1] / "spec"
MANIFESTS = ("one-job", "dozen", "several-schedules", "awkward-text")
CRONTABS = ("mixed", "crlf", "no-final-line-end", "not-utf8", "orphan-marker")

Step = tuple[str, bytes, bytes]


class Story:
    """Calls a backend step by step, keeping each reply and the file's bytes after it."""

    def __init__(self, backend: Backend, file: Path, manifest: Manifest) -> None:
        self.backend, self.file, self.app = backend, file, manifest.app
        self.jobs = desired_jobs(manifest)
        self.steps: list[Step] = []

    def step(self, name: str, *replies: object) -> None:
        """Keep a step; the file's own path is no part of the comparison."""
        text = b"\n".join(load_codec("json").encode(reply) for reply in replies)
        self.steps.append(
            (name, text.replace(str(self.file).encode(), b"FILE"), self.file.read_bytes())
        )

    def plan(self) -> model.PlanReply:
        """Plan the whole manifest."""
        return self.backend.plan(model.PlanRequest(self.app, self.jobs), Context())

    def apply(self) -> list[model.ApplyEvent]:
        """Plan and apply."""
        return list(self.backend.apply(model.ApplyRequest(self.plan()), Context()))

    def drift(self) -> model.DriftReply:
        """Drift of the whole manifest."""
        return self.backend.drift(model.DriftRequest(self.app, self.jobs), Context())

    def tell(self) -> None:
        """The story itself."""
        backend, app, jobs = self.backend, self.app, self.jobs
        self.step("read before", backend.read(model.ReadRequest(), Context()))
        self.step("plan", self.plan())
        self.step("apply", *self.apply())
        self.step("read", backend.read(model.ReadRequest(app), Context()))
        self.step("no drift", self.drift())
        self.second_apply()
        self.tamper()
        self.step("drift", self.drift())
        verify = model.VerifyOwnershipRequest(app, jobs)
        self.step("verify", backend.verify_ownership(verify, Context()))
        self.step("repair", *self.apply())
        for dry_run in (True, False):
            self.unmark()
            adopt = model.AdoptRequest(app, jobs[0], dry_run)
            self.step(f"adopt {dry_run}", backend.adopt(adopt, Context()))
        self.step("adopt again", backend.adopt(model.AdoptRequest(app, jobs[0]), Context()))
        for dry_run in (True, False):
            prune = model.PruneRequest(app, (jobs[0].job.name,), dry_run)
            self.step(f"prune {dry_run}", backend.prune(prune, Context()))
        self.step("read after", backend.read(model.ReadRequest(app), Context()))
        everything = model.PlanRequest(app, (), allow_empty=True)
        gone = backend.apply(model.ApplyRequest(backend.plan(everything, Context())), Context())
        self.step("delete all", *gone)

    def second_apply(self) -> None:
        """A second apply changes nothing, not even the mtime."""
        before = self.file.stat()
        events = self.apply()
        after = self.file.stat()
        assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
        assert [event.kind for event in events] == [model.ApplyEventKind.FINISHED]

    def tamper(self) -> None:
        """Edit the schedule of the first owned line by hand."""
        lines = self.file.read_bytes().split(b"\n")
        mark = next(i for i, line in enumerate(lines) if b"owned app=" + self.app.encode() in line)
        fields = lines[mark - 1].split(b" ")
        lines[mark - 1] = b" ".join([b"59", *fields[1:]])
        self.file.write_bytes(b"\n".join(lines))

    def unmark(self) -> None:
        """Take the markers off the first job's lines, so that they can be adopted."""
        lines = self.file.read_bytes().split(b"\n")
        mark = f"owned app={self.app} job={self.jobs[0].job.name} ".encode()
        self.file.write_bytes(b"\n".join(line for line in lines if mark not in line))


def tell(  # noqa: PLR0913  # a case is four words
    transport: str,
    codec: str,
    folder: Path,
    manifest: str,
    crontab: str,
    *,
    backend: str = "crontab",
    pins: Mapping[str, PluginPin] | None = None,
) -> list[Step]:
    file = folder / f"{transport}-{codec}-{manifest}-{crontab}"
    file.write_bytes((SPEC / "crontabs" / crontab).read_bytes())
    file.chmod(0o640)
    options = HostOptions(codec=codec, config={"path": str(file)}, pins=pins or {})
    with open_backend(backend, transport, options) as session:
        story = Story(session.backend, file, load_manifest(SPEC / "manifests" / f"{manifest}.json"))
        story.tell()
    assert file.stat().st_mode & 0o777 == 0o640
    return story.steps


CASES = [(MANIFESTS[i % len(MANIFESTS)], crontab) for i, crontab in enumerate(CRONTABS)]


@pytest.fixture(scope="session")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], list[Step]]:
    """The story as the backend tells it without any wire."""
    known: dict[tuple[str, str], list[Step]] = {}

    def once(manifest: str, crontab: str) -> list[Step]:
        key = (manifest, crontab)
        if key not in known:
            known[key] = tell("direct", "none", tmp_path_factory.mktemp("wanted"), *key)
        return known[key]

    return once


@pytest.mark.parametrize(("manifest", "crontab"), CASES)
def test_every_transport_tells_the_same_story(  # noqa: PLR0913, PLR0917  # a case is four words
    transport: str,
    codec: str,
    manifest: str,
    crontab: str,
    wanted: Callable[[str, str], list[Step]],
    tmp_path: Path,
) -> None:
    steps = tell(transport, codec, tmp_path, manifest, crontab)
    for step, want in zip(steps, wanted(manifest, crontab), strict=True):
        assert step == want


@pytest.mark.parametrize(("manifest", "crontab"), CASES[:2])
def test_a_plugin_that_is_one_pinned_file_tells_the_same_story(
    manifest: str,
    crontab: str,
    wanted: Callable[[str, str], list[Step]],
    tmp_path: Path,
) -> None:
    builder = SPEC.parent / "plugins" / "build_archives.py"
    built = runpy.run_path(str(builder))
    path = tmp_path / "cronix-backend-crontab"
    built["build"]("crontab", path)
    pins = {"crontab": PluginPin((sha256(path.read_bytes()).hexdigest(),))}
    arm = (built["TRANSPORT"], built["CODEC"])
    steps = tell(*arm, tmp_path, manifest, crontab, backend=str(path), pins=pins)
    assert steps == wanted(manifest, crontab)


@pytest.mark.parametrize(("manifest", "crontab"), CASES)
def test_deleting_all_gives_back_the_first_bytes(
    manifest: str, crontab: str, wanted: Callable[[str, str], list[Step]]
) -> None:
    steps = wanted(manifest, crontab)
    assert steps[-1][0] == "delete all"
    assert steps[-1][2] == steps[0][2]
    kept = [line for line in steps[0][2].splitlines() if b"cronix" not in line]
    for _, _, data in steps:
        assert [line for line in data.splitlines() if b"cronix" not in line] == kept
