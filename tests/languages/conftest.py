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
    """conforms(plugin, transport) runs the conformance suite by the command line: no failure."""

    def check(plugin: Path, transport: str) -> str:
        arguments = ["--plugin", os.path.relpath(plugin), "--transport", transport]
        done = run("conformance", *arguments, "--offers", "fresh-store")
        assert done.code == 0, done.output
        assert " 0 fail, " in done.out
        return done.out

    return check
