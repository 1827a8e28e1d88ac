"""The suite as a plugin of pytest: one test for each vector on each arm.

    pytest --transportlab-plugin ./cronix-backend-mine --transportlab-transport http -k read

pytest_transportlab.py has the options, and imports this module once a plugin is named.
"""

import warnings
from collections.abc import Iterable
from os.path import normpath
from pathlib import Path
from typing import Any

import pytest

from pytest_transportlab import CONFIG, KNOWN, OFFERS, REPEATED, REVISION, TRANSPORT
from transportlab.cli.config import configuration
from transportlab.conformance.arm import Arm
from transportlab.conformance.report import SKIPPED, outcome_text
from transportlab.conformance.result import BAD, Status
from transportlab.conformance.runner import Options, arms_of
from transportlab.conformance.standing import load_standing
from transportlab.conformance.subject import path_of, reachable, subject_of
from transportlab.conformance.vectors import Vector, load_vectors
from transportlab.errors import LabError
from transportlab.quote import clean


class Suite:
    """The vectors and the arms of one run, as a plugin of pytest."""

    def __init__(self, plugin: str, config: pytest.Config) -> None:
        given: dict[str, list[str]] = {name: config.getoption(name) for name in REPEATED}
        try:
            values = configuration(*(given[name] for name in CONFIG))
            subject = subject_of(plugin, values.plain, values.secrets, given[OFFERS])
            self.path = Path(normpath(path_of(plugin)))  # it becomes part of ids
            self.arms = arms_of(given.pop(TRANSPORT) or reachable(subject), subject, Options())
            self.vectors = load_vectors()
            known = config.getoption(KNOWN)
            self.standing = load_standing(
                self.vectors,
                lambda revision: revision.plugin,
                config.getoption(REVISION),
                None if known is None else Path(known),
            )
        except LabError as error:
            raise pytest.UsageError(str(error)) from None
        self.replay = ["--plugin", plugin]
        for name, values_given in given.items():
            option = name.replace("transportlab-config", "backend-config")
            for value in values_given:
                self.replay += [option.replace("transportlab-", ""), value]

    def close(self) -> None:
        """Stop the plugins that vectors share."""
        for arm in self.arms:
            arm.close()

    def run(self, arm: Arm, vector: Vector) -> None:
        """Run one vector. Raises Nonconformance, and what pytest takes for a skip or an xfail."""
        with warnings.catch_warnings():  # of libraries of the suite's, not of the plugin's
            warnings.simplefilter("ignore")
            outcome = arm.outcome(vector)
        self.standing.mark(arm.result, outcome)
        if outcome.status in SKIPPED:
            pytest.skip(f"{outcome.status}: {clean(outcome.reason)}")
        if outcome.known:
            pytest.xfail(f"known: {clean(outcome.known)}")
        if outcome.status in BAD:
            text = clean(outcome_text(arm.result, outcome, self.replay), keep_lines=True)
            if outcome.advisory:
                pytest.xfail(f"advisory, not required by revision {self.standing.revision}: {text}")
            raise Nonconformance(text)
        if outcome.status is Status.PASS and self._expected_only_here(arm, vector):
            raise Nonconformance(f"fixed: take {vector.id} out of {self.standing.path}")

    def _expected_only_here(self, arm: Arm, vector: Vector) -> bool:
        """Whether the vector is known to fail, and on this arm alone."""
        known = self.standing.known.get(vector.id)
        there = [] if known is None else [each for each in self.arms if known.at(each.result)]
        return there == [arm]

    def pytest_report_header(self) -> str:
        """Say what is tested."""
        names = ", ".join(arm.result.name for arm in self.arms)
        return f"transportlab: {self.path} over {names}"

    @pytest.hookimpl(tryfirst=True)  # before -k and -m choose
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add a test for each vector on each arm."""
        file: PluginFile = PluginFile.from_parent(session, path=self.path, suite=self)
        items.extend(file.collect())


class PluginFile(pytest.File):
    """The plugin's file, whose tests the vectors are."""

    def __init__(self, *, suite: Suite, **rest: Any) -> None:
        super().__init__(**rest)
        self.suite = suite

    def collect(self) -> Iterable["VectorItem"]:
        """A test for each vector on each arm."""
        for arm in self.suite.arms:
            for vector in filter(arm.takes, self.suite.vectors):
                name = f"{vector.id}[{arm.result.name}]"
                yield VectorItem.from_parent(
                    self, name=name, arm=arm, vector=vector, suite=self.suite
                )


class Nonconformance(Exception):
    """A vector that failed. The text says all that the suite has to say."""


class VectorItem(pytest.Item):
    """One vector on one arm. -k also knows the vector's group and its clauses."""

    def __init__(self, *, arm: Arm, vector: Vector, suite: Suite, **rest: Any) -> None:
        super().__init__(**rest)
        self.arm, self.vector, self.suite = arm, vector, suite
        self.extra_keyword_matches |= {vector.group, *vector.clauses}

    def runtest(self) -> None:
        """See Suite.run()."""
        self.suite.run(self.arm, self.vector)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the suite says of a failure; a traceback of the suite would say nothing."""
        if isinstance(excinfo.value, Nonconformance):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is: the plugin, without a line."""
        return self.path, None, self.name
