"""What `transportlab evidence` does: it measures on this machine, or on those of a cluster."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transportlab.cli.errors import guarded
from transportlab.cli.out import tell, tell_error
from transportlab.cli.process import interrupts
from transportlab.cli.streams import EXIT_ERROR
from transportlab.evidence.run.runner import EvidenceRun, Options, failed
from transportlab.quote import clean
from transportlab.words import explained


def here(options: Options) -> int:
    """Measure on this machine; return the exit status."""
    try:
        with guarded():
            run = EvidenceRun(options)
            for gap in run.evidence.not_run:
                tell(f"not run: {gap.what}: {gap.why}")
            run.go()
    except KeyboardInterrupt:
        _tell_how_to_resume(options)
        raise
    print(f"evidence: {options.out}")
    missing = failed(run.evidence)
    for gap in missing:
        tell_error(f"{gap.what} failed in every block: {gap.why}")
    for line in explained(["block"] if missing else []):
        tell(line)
    return EXIT_ERROR if missing else 0


def on_machines(options: Options, address: str, wait: float | None) -> int:
    """Measure on the machines of a Dask cluster; return the exit status."""
    from transportlab.evidence.cluster.engine import Dask
    from transportlab.evidence.cluster.run import WAIT_SECONDS, ClusterRun

    with guarded():
        run = ClusterRun(options, lambda text: tell(clean(text)))
    seconds = WAIT_SECONDS if wait is None else wait
    try:
        with guarded(), Dask(address) as engine, _interruptible() as pause:
            tell(f"waiting for workers, at most {seconds:g} s")
            run.go(engine, seconds, pause)
    finally:
        for path in run.files.paths:
            print(f"evidence: {path}")
        if run.files.resumable:
            _tell_how_to_resume(options, "--dask", address)
    missing = run.left()
    for problem in missing:
        tell_error(problem)
    return EXIT_ERROR if missing else 0


@contextmanager
def _interruptible() -> Iterator[Callable[[float], None]]:
    """A function that waits, and raises KeyboardInterrupt if a signal has come.

    A signal interrupts nothing else: Dask's threads have locks, which would be left taken.
    """
    with interrupts.cancelling() as cancellation:

        def pause(seconds: float) -> None:
            if cancellation.wait(seconds):
                raise KeyboardInterrupt

        yield pause


def _tell_how_to_resume(options: Options, *others: str) -> None:
    words = ["transportlab", "evidence", "--profile", options.profile, "--out", str(options.out)]
    words += ["--resume", *others]
    words += [word for name in options.suites for word in ("--suite", name)]
    words += [word for name in options.arms for word in ("--arm", name)]
    tell(f"to resume: {shlex.join(words)}")
