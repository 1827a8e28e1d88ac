"""What a plugin's process is started with, and a file that is busy for a moment."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.host import spawn
from transportlab.host.spawn import plugin_environment
from transportlab.host.trust import Admitted

Put = Callable[..., Path]
Pinned = Callable[..., Admitted]
Said = Callable[..., bytes]


def test_only_what_is_allowed_of_the_environment_reaches_a_plugin() -> None:
    host = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "SECRET": "x",
        "MINE": "1",
        "CRONIX_PLUGIN_ENV": "MINE, ",
    }
    assert plugin_environment(host) == {"PATH": "/bin", "LC_ALL": "C", "MINE": "1"}


def test_a_variable_that_holds_a_secret_is_not_inherited() -> None:
    host = {
        "CRONIX_PLUGIN_ENV": "TOKEN,URL,MINE",
        "TOKEN": "s3cr3t",
        "URL": "http://u:s3cr3t@h",
        "MINE": "x",
        "HOME": "/home/s3cr3t",
        "LC_ALL": "s3cr3t",
    }
    assert plugin_environment(host, ["s3cr3t", ""]) == {"HOME": "/home/s3cr3t", "MINE": "x"}


def test_a_start_waits_for_a_file_that_is_still_open_for_writing(
    put: Put, pinned: Pinned, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a copy may be in a child that another thread has forked just then."""
    monkeypatch.setattr(spawn, "BUSY_SECONDS", 60.0)
    admitted = pinned(put())
    os.chmod(admitted.file, 0o700)
    writing = os.open(admitted.file, os.O_WRONLY)
    closing = threading.Timer(0.05, os.close, [writing])
    closing.start()
    assert said(admitted) == b"right"
    closing.join()
