"""A run over many machines: which worker measures which block, and one file for each machine.

It is told by an Engine which workers there are. What a machine measures, and how, is its agent's
business.
"""

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from textwrap import shorten

import msgspec

from transportlab import __version__
from transportlab.errors import LabError
from transportlab.evidence.analysis.runs import digest_of, joined
from transportlab.evidence.arms import defined, load_arms
from transportlab.evidence.cluster.agent import Answer, Order
from transportlab.evidence.cluster.engine import INSTALL, Engine, Told
from transportlab.evidence.cluster.files import Files, kind_of_machine, name_of
from transportlab.evidence.record import MUST_AGREE_TO_RESUME, Evidence, NotRun, differences
from transportlab.evidence.run.machine import source_digest
from transportlab.evidence.run.plan import ALL, Key
from transportlab.evidence.run.runner import Options, check_names, failed

WAIT_SECONDS = 60.0
"""How long a run waits for a worker that can measure: at its start, and when all are gone."""

TICK_SECONDS = 0.5
"""How often it looks at the cluster: far less than any block takes."""

TRIES = 3
"""A block is given up when it was lost so often; a worker when it failed so often in a row."""

GIVEN_UP = f"given up, as it was lost {TRIES} times"

LONGEST = 200
"""How many characters of a fact that differs are shown."""

Tell = Callable[[str], None]


class _Worker(msgspec.Struct):
    """A worker. kind: that of its machine, empty until it has described it. at: its block."""

    address: str
    machine: str
    kind: str = ""
    busy: bool = False
    at: Key | None = None
    failures: int = 0
    refused: bool = False


class _Pool(msgspec.Struct):
    """The blocks of a kind of machine. todo: those that no machine has, in order."""

    total: int
    todo: list[Key]
    lost: Counter[Key] = msgspec.field(default_factory=Counter)

    def given_up(self, key: Key) -> bool:
        """Whether a block was lost too often to be tried again."""
        return self.lost[key] >= TRIES


class ClusterRun:
    """A run over the machines of a cluster.

    options: as for one machine, but `out` is the folder of the files. Raises UsageError for unknown
    names and for a folder that has files already; EvidenceError if they cannot be resumed.
    """

    def __init__(self, options: Options, tell: Tell) -> None:
        check_names(options)
        _check_arms(options.arms)
        self._options, self._tell = options, tell
        self._base = options.seed if options.seed is not None else secrets.randbelow(2**31)
        self.files = Files(options.out, resume=options.resume)
        self._workers: dict[str, _Worker] = {}
        self._pools: dict[str, _Pool] = {}
        self._source = source_digest()

    def go(
        self,
        engine: Engine,
        wait: float = WAIT_SECONDS,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Measure until every kind of machine that was met has all blocks.

        Returns also if no worker that could go on was there for `wait` seconds; left() then says
        what is missing. Raises LabError if there was none at all, or if the cluster is gone.
        pause: waits so many seconds; what it raises ends the run.
        """
        self.files.make_folder()
        last = time.monotonic()
        while True:
            self._look(engine)
            self._give(engine)
            if any(worker.busy for worker in self._workers.values()):
                last = time.monotonic()
            elif self._pools and not self._todo():
                break
            elif time.monotonic() > last + wait:
                if not self._pools:
                    raise LabError(f"no worker that can measure was there within {wait:g} s")
                break
            pause(TICK_SECONDS)
            for told in engine.take():
                self._take(told)
        for kind, pool in self._pools.items():
            for name in self.files.of(kind) if not pool.todo else ():
                self.files.found[name].complete = True
                self.files.write(name)

    def left(self) -> list[str]:
        """What is missing: arms that failed in every block, and blocks that no machine has."""
        found = []
        for kind, pool in self._pools.items():
            names = self.files.of(kind)
            gaps = failed(joined([self.files.found[name] for name in names]))
            found += [f"{gap.what} failed in every block: {gap.why}" for gap in gaps]
            found += [f"{_title(key)}: {GIVEN_UP}" for key in pool.lost if pool.given_up(key)]
            if pool.todo:
                what = f"{len(pool.todo)} blocks of {', '.join(names)} are not measured"
                found.append(f"{what}: no worker on a machine of this kind was left")
        return found

    def _todo(self) -> int:
        return sum(len(pool.todo) for pool in self._pools.values())

    def _look(self, engine: Engine) -> None:
        """Take note of workers that have come and gone."""
        here = engine.workers()
        for address in sorted(here - self._workers.keys()):
            self._workers[address] = _Worker(address, name_of(address))
        for address in sorted(self._workers.keys() - here):
            engine.forget(address)
            worker = self._workers.pop(address)
            self._tell(f"{address}: the worker is gone")
            self._lose(worker)

    def _give(self, engine: Engine) -> None:
        """Give each machine that does nothing an order, if there is one for it."""
        machines: dict[str, list[_Worker]] = {}
        for worker in self._workers.values():
            machines.setdefault(worker.machine, []).append(worker)
        for workers in machines.values():
            able = [worker for worker in workers if not worker.refused]
            if any(worker.busy for worker in workers) or not able:
                continue
            worker = next((one for one in able if not one.kind), able[0])
            if worker.kind:
                todo = self._pools[worker.kind].todo
                if not todo:
                    continue
                worker.at = todo.pop(0)
            worker.busy = True
            engine.give(worker.address, msgspec.json.encode(self._order(worker)))

    def _order(self, worker: _Worker) -> Order:
        known = self.files.found.get(worker.machine)
        seed = _seed(self._base, worker.machine) if known is None else known.seed
        options = self._options
        return Order(options.profile, seed, options.suites, options.arms, worker.at)

    def _take(self, told: Told) -> None:
        """Note what has become of an order."""
        worker = self._workers[told.worker]
        worker.busy = False
        try:
            found = _answer(told)
            self._check(worker, found.evidence)
        except LabError as error:
            self._fail(worker, str(error))
            return
        if worker.at is None:
            self._meet(worker, found)
        else:
            self._add(worker, worker.at, found.evidence)

    def _fail(self, worker: _Worker, problem: str) -> None:
        """Leave a worker out that cannot describe its machine, or has lost too many blocks."""
        worker.failures += 1
        worker.refused = worker.at is None or worker.failures >= TRIES
        left_out = "left out: " * worker.refused
        self._tell(f"{worker.address}: {left_out}{problem}")
        self._lose(worker)

    def _check(self, worker: _Worker, found: Evidence) -> None:
        """Raise LabError if what a worker says does not belong into its machine's file."""
        digest = digest_of(found)
        if (found.project_version, digest) != (__version__, self._source):
            raise LabError(
                f"it has transportlab {found.project_version} with code {digest[:12]}, expected"
                f" {__version__} with code {self._source[:12]}; {INSTALL}"
            )
        known = self.files.found.get(worker.machine)
        differing = differences(known, found, MUST_AGREE_TO_RESUME) if known else []
        if differing:
            shown = "; ".join(shorten(one, LONGEST, placeholder=" ...") for one in differing)
            raise LabError(f"not as when {self.files.path(worker.machine)} was begun: {shown}")

    def _meet(self, worker: _Worker, found: Answer) -> None:
        """Take a worker in that has described its machine."""
        name = worker.machine
        mine = self.files.found.setdefault(name, found.evidence)
        if name not in {one.machine for one in self._workers.values() if one.kind}:
            for gap in found.evidence.not_run:
                self._tell(f"{worker.address}: not run: {gap.what}: {gap.why}")
        worker.kind = kind_of_machine(mine)
        if worker.kind not in self._pools:
            done = self.files.keys(worker.kind)
            todo = [key for key in found.plan if key not in done]
            self._pools[worker.kind] = _Pool(len(found.plan), todo)
        self._tell(f"{worker.address}: {name}, {len(self._pools[worker.kind].todo)} blocks to do")

    def _add(self, worker: _Worker, key: Key, found: Evidence) -> None:
        """Put what a worker has measured into a file.

        The conformance matrix goes into the longest of its kind, as a file has blocks.
        """
        worker.at, worker.failures = None, 0
        name = worker.machine if found.blocks else self.files.longest(worker.kind)
        mine = self.files.found[name]
        mine.blocks += found.blocks
        mine.conformance = found.conformance or mine.conformance
        mine.not_run += [gap for gap in found.not_run if gap not in mine.not_run]
        self.files.write(name)
        given = [one for one in self._workers.values() if one.at]
        total = sum(pool.total for pool in self._pools.values())
        done = total - self._todo() - len(given)
        self._tell(f"{done}/{total} {_title(key)} on {worker.address}")

    def _lose(self, worker: _Worker) -> None:
        """Have another measure a worker's block, unless it was lost too often."""
        key, worker.at = worker.at, None
        if key is None:
            return
        pool = self._pools[worker.kind]
        pool.lost[key] += 1
        if pool.given_up(key):
            self._tell(f"{_title(key)}: {GIVEN_UP}")
            mine = self.files.found[self.files.longest(worker.kind)]
            mine.not_run.append(NotRun(_title(key), GIVEN_UP))
        else:
            self._tell(f"{_title(key)}: to be measured again")
            pool.todo.insert(0, key)


def _answer(told: Told) -> Answer:
    """What an agent has answered. Raises LabError."""
    if told.problem:
        raise LabError(told.problem)
    try:
        return msgspec.json.decode(told.data, type=Answer)
    except msgspec.DecodeError as error:
        raise LabError(f"its answer is not one of this version: {error}; {INSTALL}") from error


def _seed(base: int, machine: str) -> int:
    """A machine's own seed: two machines have other orders, and runs that are not taken for one."""
    return int(hashlib.sha256(f"{base} {machine}".encode()).hexdigest()[:8], 16) % 2**31


def _check_arms(words: Sequence[str]) -> None:
    """Raise UsageError for a word that is no arm anywhere. What runs is for each machine to say."""
    catalogue = load_arms()
    known = {arm.id for arm in catalogue.arms()} | {ALL}
    for word in words:
        if word not in known and not word.startswith("codec-"):
            defined(word, catalogue)


def _title(key: Key) -> str:
    """A block as people are told of it."""
    group, placement, number = key
    return f"{group} {placement} {number + 1}" if placement else group
