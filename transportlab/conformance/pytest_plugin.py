"""The suite as a plugin of pytest: one test for each vector on each arm.

    pytest --transportlab-plugin ./cronix-backend-mine --transportlab-transport http -k read

pytest_transportlab.py has the options, and imports this module once a plugin is named.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_transportlab import CONFIG, OFFERS, REPEATED, TRANSPORT
from transportlab.cli.config import configuration
from transportlab.conformance.report import SKIPPED, outcome_text
from transportlab.conformance.result import BAD
from transportlab.conformance.runner import Arm, Options, arms_of
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
            self.path = path_of(plugin)
            self.arms = arms_of(given.pop(TRANSPORT) or reachable(subject), subject, Options())
            self.vectors = load_vectors()
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
        replay = self.suite.replay
        for arm in self.suite.arms:
            for vector in filter(arm.takes, self.suite.vectors):
                name = f"{vector.id}[{arm.result.name}]"
                yield VectorItem.from_parent(
                    self, name=name, arm=arm, vector=vector, replay=replay
                )


class Nonconformance(Exception):
    """A vector that failed. The text says all that the suite has to say."""


class VectorItem(pytest.Item):
    """One vector on one arm. -k also knows the vector's group and its clauses."""

    def __init__(self, *, arm: Arm, vector: Vector, replay: list[str], **rest: Any) -> None:
        super().__init__(**rest)
        self.arm, self.vector, self.replay = arm, vector, replay
        self.extra_keyword_matches |= {vector.group, *vector.clauses}

    def runtest(self) -> None:
        """Run the vector. Raises Nonconformance, and skips what is not supported or not run."""
        with warnings.catch_warnings():  # of libraries of the suite's, not of the plugin's
            warnings.simplefilter("ignore")
            outcome = self.arm.outcome(self.vector)
        if outcome.status in SKIPPED:
            pytest.skip(f"{outcome.status}: {clean(outcome.reason)}")
        if outcome.status in BAD:
            text = outcome_text(self.arm.result, outcome, self.replay)
            raise Nonconformance(clean(text, keep_lines=True))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the suite says of a failure; a traceback of the suite would say nothing."""
        if isinstance(excinfo.value, Nonconformance):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is: the plugin, without a line."""
        return self.path, None, self.name
