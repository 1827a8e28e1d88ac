"""What an operator sees of a plugin that does not start."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("transportlab"))
MANIFEST = str(Path(__file__).resolve().parents[2] / "spec" / "manifests" / "one-job.json")


def test_the_wait_for_a_handshake_is_the_operators_to_bound(tmp_path: Path) -> None:
    path = tmp_path / "cronix-backend-silent"
    path.write_text("#!/bin/sh\nwhile read x; do :; done\n")
    path.chmod(0o755)
    words = ["read", "--manifest", MANIFEST, "--backend", str(path), "--transport", "http"]
    done = subprocess.run(
        [COMMAND, *words, "--handshake-timeout", "0.2"],
        capture_output=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
        text=True,
    )
    assert done.returncode == 1
    assert f'E-HANDSHAKE-TIMEOUT: backend "silent" ({path})' in done.stderr
    assert "no handshake line within 0.2 s" in done.stderr
    assert "Traceback" not in done.stderr
