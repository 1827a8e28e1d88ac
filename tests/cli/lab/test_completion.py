"""The scripts that complete the command line, in the shells that they are for."""

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from transportlab.registry import transport_names

Run = Callable[..., Any]

ASK = """\
source /dev/stdin <<'END'
{script}END
COMP_WORDS=({words}) COMP_CWORD=$(({count} - 1))
_transportlab
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(script: str, *words: str) -> set[str]:
    """What bash offers for the last word. A `''` stands for an empty one."""
    code = ASK.format(script=script, words=" ".join(words), count=len(words))
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=True, text=True)
    return set(done.stdout.split())


def test_bash_completes_commands_options_and_transports(run: Run) -> None:
    script = run("completion", "bash").out
    assert {"plan", "plugins", "--version"} <= completed(script, "transportlab", "''")
    assert completed(script, "transportlab", "plugins", "l") == {"list"}
    assert "host" in completed(script, "transportlab", "conformance", "''")
    assert "--command" in completed(script, "transportlab", "conformance", "host", "--c")
    assert completed(script, "transportlab", "plan", "--man") == {"--manifest"}
    after = completed(script, "transportlab", "plan", "--transport", "''")
    assert after == set(transport_names())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_another_shell_takes_its_script(run: Run, shell: str) -> None:
    script = run("completion", shell).out
    assert "transportlab" in script
    if shutil.which(shell) is None:
        pytest.skip(f"not run: no {shell}")
    words = ["-c", "autoload -U compinit && compinit -D; source /dev/stdin"]
    words = words if shell == "zsh" else ["--no-execute", "/dev/stdin"]
    subprocess.run([shell, *words], input=script, text=True, check=True)


def test_a_shell_that_is_not_known_is_told(run: Run) -> None:
    done = run("completion", "tcsh")
    assert done.code == 2
    assert "bash" in done.err
