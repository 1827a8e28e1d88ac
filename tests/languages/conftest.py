"""What the tests of plugins in other languages share: each is built, then held to the suite."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import Run

PLUGINS = Path(__file__).parents[2] / "plugins"

Conforms = Callable[..., str]


@pytest.fixture
def conforms(run: Run) -> Conforms:
    """conforms(plugin, transport, offer, ...) runs the conformance suite by the command line.

    There must be no failure. Each plugin keeps its entries in memory, so it offers a fresh store.
    """

    def check(plugin: Path, transport: str, *offers: str) -> str:
        arguments = ["--plugin", os.path.relpath(plugin), "--transport", transport]
        arguments += [f"--offers={offer}" for offer in ("fresh-store", *offers)]
        done = run("conformance", *arguments)
        assert done.code == 0, done.output
        assert " 0 fail, " in done.out
        return done.out

    return check
