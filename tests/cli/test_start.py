"""What an operator sees of a plugin that does not start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

MANIFEST = str(Path(__file__).resolve().parents[2] / "spec" / "manifests" / "one-job.json")


def test_the_wait_for_a_handshake_is_the_operators_to_bound(
    tmp_path: Path, run: Callable[..., Any]
) -> None:
    path = tmp_path / "cronix-backend-silent"
    path.write_text("#!/bin/sh\nwhile read x; do :; done\n")
    path.chmod(0o755)
    words = ["read", "--manifest", MANIFEST, "--backend", str(path), "--transport", "http"]
    done = run(*words, "--handshake-timeout", "0.2")
    assert done.code == 1
    assert f'E-HANDSHAKE-TIMEOUT: backend "silent" ({path})' in done.err
    assert "no handshake line within 0.2 s" in done.err
