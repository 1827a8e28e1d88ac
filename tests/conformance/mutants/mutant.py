#!python
"""A reference plugin with one fault, told by the name of the file: cronix-backend-<mutant>.

Each is a bug that a plugin's author could really make; tests/conformance/test_mutants.py says which
vectors must find it. The mutants of `crontab` work on the file, those of `echo` bring its faults.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from transportlab import model
from transportlab.auth import SecretError, check_secret, read_secret
from transportlab.backend import Operations, Plugin
from transportlab.backends import crontab, echo
from transportlab.backends.crontab import lines
from transportlab.channel import SocketEndpoint
from transportlab.context import Context
from transportlab.errors import LabError, RpcError
from transportlab.sdk import program as sdk
from transportlab.sdk.session import PluginSession
from transportlab.store import reconcile
from transportlab.store.apply import ApplyRun
from transports.http import handler


class Around:
    """Operations as they are; a mutant changes one of them."""

    def __init__(self, inner: Operations) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class IgnoresAllowEmpty(Around):
    """An empty set of desired jobs is never refused."""

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        return self.inner.plan(replace(request, allow_empty=True), context)


class OpsAsTheyCome(Around):
    """Ops stand in the order of their jobs' names, whatever their kind."""

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        plan = self.inner.plan(request, context)
        return replace(plan, ops=tuple(sorted(plan.ops, key=lambda op: op.job)))


class NoEnd(Around):
    """The stream of Apply stops after the last op."""

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        for event in self.inner.apply(request, context):
            if event.kind is not model.ApplyEventKind.FINISHED:
                yield event


class SplitLines(Around):
    """Texts are put together again from str.splitlines(), which also splits at U+2028."""

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        plan = self.inner.plan(request, context)
        return replace(plan, ops=tuple(map(self._op, plan.ops)))

    @staticmethod
    def _op(op: model.Op) -> model.Op:
        if op.desired is None:
            return op
        http = op.desired.job.request
        http = replace(http, body="\n".join(http.body.splitlines()))
        return replace(op, desired=replace(op.desired, job=replace(op.desired.job, request=http)))


class LastOfTwo(Around):
    """Of a job that is desired twice the last one counts."""

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        jobs = {desired.job.name: desired for desired in request.jobs}
        return self.inner.plan(replace(request, jobs=tuple(jobs.values())), context)


class DryRunWrites(Around):
    """Prune does not look at dry_run."""

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        return self.inner.prune(replace(request, dry_run=False), context)


class Uninterruptible(Around):
    """Neither deadline nor cancellation reaches the backend."""

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        return self.inner.read(request, Context(log=context.log))

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        return self.inner.apply(request, Context(log=context.log))


class OneAtATime(Around):
    """Calls wait for each other."""

    def __init__(self, inner: Operations) -> None:
        super().__init__(inner)
        import threading

        self._lock = threading.Lock()

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        with self._lock:
            return self.inner.read(request, context)


def around(kind: Callable[[Operations], Any]) -> Callable[[Plugin], Plugin]:
    """A mutation of a plugin's operations."""

    def mutate(plugin: Plugin) -> Plugin:
        create = plugin.create
        return replace(plugin, create=lambda config: kind(create(config)))

    return mutate


def set_attribute(owner: Any, name: str, value: Any) -> Callable[[Plugin], Plugin]:
    """A mutation of the code that the plugin is built on."""

    def mutate(plugin: Plugin) -> Plugin:
        setattr(owner, name, value)
        return plugin

    return mutate


def by_hash_alone(left: Any, right: Any) -> bool:
    """What cronix's own crontab does: an entry is as desired if its hash is."""
    return [entry.hash for entry in left] == [entry.hash for entry in right]


def without_details(error: RpcError) -> model.Status:
    """An error of which only code and message are passed on."""
    return model.Status(int(error.code), error.message)


class Lax(PluginSession):
    """A session that may be opened again."""

    def open_session(
        self, request: model.OpenSessionRequest, context: Context
    ) -> model.OpenSessionReply:
        self._state = "new"
        return super().open_session(request, context)


def only_if_given(given: Sequence[str], wanted: str) -> None:
    """A call without a secret is let through."""
    if given:
        check_secret(given, wanted)


def forgiving(path: str) -> SocketEndpoint:
    """Where no secret comes on stdin, none is asked for."""
    try:
        return SocketEndpoint(path, read_secret(0))
    except SecretError:
        return SocketEndpoint(path)


def talkative(plugin: Plugin) -> Plugin:
    """Prints before its handshake line."""
    print("loading...", flush=True)
    return plugin


@dataclass(frozen=True, slots=True)
class Mutant:
    """The plugin it is made of, and how."""

    plugin: Plugin
    mutate: Callable[[Plugin], Plugin]


CRONTAB, ECHO = crontab.PLUGIN, echo.PLUGIN

MUTANTS = {
    "reference": Mutant(CRONTAB, lambda plugin: plugin),
    "reference-faults": Mutant(ECHO, lambda plugin: plugin),
    "skips-edited-lines": Mutant(CRONTAB, set_attribute(reconcile, "same", by_hash_alone)),
    "takes-the-line-above": Mutant(
        CRONTAB, set_attribute(lines, "_runs", lambda words, job: bool(words))
    ),
    "ignores-allow-empty": Mutant(CRONTAB, around(IgnoresAllowEmpty)),
    "ignores-the-digest": Mutant(
        CRONTAB, set_attribute(ApplyRun, "_check_state", lambda self: None)
    ),
    "orders-by-name": Mutant(CRONTAB, around(OpsAsTheyCome)),
    "stream-without-end": Mutant(CRONTAB, around(NoEnd)),
    "drops-details": Mutant(ECHO, set_attribute(RpcError, "to_status", without_details)),
    "cannot-be-interrupted": Mutant(ECHO, around(Uninterruptible)),
    "splits-at-u2028": Mutant(CRONTAB, around(SplitLines)),
    "takes-any-config": Mutant(
        CRONTAB, set_attribute(PluginSession, "_check_config", lambda self, config: None)
    ),
    "opens-twice": Mutant(CRONTAB, set_attribute(sdk, "PluginSession", Lax)),
    "last-of-two-jobs": Mutant(CRONTAB, around(LastOfTwo)),
    "dry-run-writes": Mutant(CRONTAB, around(DryRunWrites)),
    "one-call-at-a-time": Mutant(ECHO, around(OneAtATime)),
    "asks-no-secret": Mutant(CRONTAB, set_attribute(handler, "check_secret", lambda *_: None)),
    "asks-if-there-is-one": Mutant(CRONTAB, set_attribute(handler, "check_secret", only_if_given)),
    "listens-without-a-secret": Mutant(CRONTAB, set_attribute(sdk, "_socket_endpoint", forgiving)),
    "prints-before-its-line": Mutant(CRONTAB, talkative),
}


def main() -> None:
    """Serve the mutant of this file's name."""
    mutant = MUTANTS[Path(sys.argv[0]).name.removeprefix("cronix-backend-")]
    sdk.run(mutant.mutate(mutant.plugin))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
