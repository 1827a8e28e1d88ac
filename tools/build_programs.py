"""Builds the programs of spec/arms.json: `python -m tools.build_programs [ID ...]`.

What lacks its toolchain, or cannot be built, is told and left out: evidence then says "not run".
With ids, it exits with 1 if one of them could not be built.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from transportlab.data import ROOT
from transportlab.evidence.arms import Program, load_arms


def wanted(names: Sequence[str]) -> dict[str, list[Program]]:
    """The programs by the command that builds them; of these ids if there are any."""
    arms = load_arms()
    found: dict[str, list[Program]] = {}
    for program in (*arms.hosts, *arms.plugins, *arms.pairs):
        if program.build and (not names or program.id in names):
            found.setdefault(program.build, []).append(program)
    return found


def lacking(program: Program) -> str:
    """What is not on PATH of what the program needs, as a reason; empty if all is there."""
    missing = [name for name in program.needs if shutil.which(name) is None]
    return f"no {' and '.join(missing)}" if missing else ""


def built(command: str) -> bool:
    """Build by that command. Returns whether it worked."""
    words = shlex.split(command)
    if words[0] == "python":
        words[0] = sys.executable
    return not subprocess.run(words, stdout=subprocess.DEVNULL, cwd=ROOT, check=False).returncode


def main(names: Sequence[str]) -> int:
    """Build all, or those of these ids."""
    failed = False
    for command, programs in wanted(names).items():
        reasons = {program.title: lacking(program) for program in programs}
        if not all(reasons.values()) and not built(command):
            reasons = {title: why or f"`{command}` failed" for title, why in reasons.items()}
        for title, why in reasons.items():
            print(f"{title}: {f'not built: {why}' if why else 'built'}", flush=True)
        failed = failed or any(reasons.values())
    return 1 if failed and names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
