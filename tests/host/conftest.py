"""Real plugins that misbehave, written to files and started by the host."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transportlab.errors import PluginError
from transportlab.host import HostOptions, open_backend

Make = Callable[[str], str]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """plugin(script) makes a plugin of a shell script; gives its path."""

    def make(script: str) -> str:
        path = tmp_path / "cronix-backend-bad"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make


ECHO = """
import json, os, signal, sys, time
from transportlab import sdk
from transportlab.backends.echo import PLUGIN
"""


@pytest.fixture
def echo_with(tmp_path: Path) -> Make:
    """echo_with(code) makes an echo plugin that runs the Python code first; gives its path."""

    def make(code: str) -> str:
        path = tmp_path / "cronix-backend-odd"
        path.write_text(f"#!{sys.executable}\n{ECHO}{code}\nsdk.run(PLUGIN)\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def refusal() -> Callable[..., PluginError]:
    """refusal(path, transport, ...) opens a plugin, with options, and gives the error."""

    def opened(path: str, transport: str, **options: Any) -> PluginError:
        with pytest.raises(PluginError) as caught:
            open_backend(path, transport, HostOptions(**{"stop": 2.0, **options}))
        return caught.value

    return opened
