"""The clock of a host: its whole command `read` on a plugin, from start to exit.

It is what an operator waits for, the host's own imports and command line included. Every host that
the conformance suite for hosts can test has this command, as the lab's and the one in Go do.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence

import msgspec

from transportlab.data import SPEC
from transportlab.errors import LabError
from transportlab.evidence.gate.measure import SPAWN_BOUND, TRACED_BOUND, unreachable

MANIFEST = SPEC / "manifests" / "one-job.json"

LAST_WORDS = 300
"""How much of the last line on stderr an error has, in characters."""


class HostTarget(msgspec.Struct, frozen=True):
    """A build of a host, and the plugin that it reads. words: more options of its command."""

    host: str
    plugin: str
    transport: str
    words: tuple[str, ...] = ()

    def cannot(self) -> str:
        """Why no host can reach the plugin over the transport; empty if one can."""
        return unreachable(self.plugin, self.transport)

    def seconds(self) -> float:
        """Seconds from the start of the command to its exit. Raises LabError if it fails."""
        begin = time.perf_counter()
        self._run([], {}, SPAWN_BOUND)
        return time.perf_counter() - begin

    def traced(self, tool: Sequence[str], variables: Mapping[str, str]) -> list[str]:
        """The lines on stderr of one command, run by a tool and with variables of the environment.

        The plugin does not inherit them. Raises LabError.
        """
        return self._run([*tool], variables, TRACED_BOUND).splitlines()

    def _run(self, tool: list[str], variables: Mapping[str, str], bound: float) -> str:
        command = [self.host, "read", "--manifest", str(MANIFEST), "--backend", self.plugin]
        command += ["--transport", self.transport, *self.words]
        try:
            done = subprocess.run(
                [*tool, *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=bound,
                check=False,
                env={**os.environ, **variables},
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.host}: `read` has not ended within {bound:g} s") from None
        except OSError as error:
            raise LabError(f"{self.host}: cannot be started: {error.strerror}") from error
        said = done.stderr.decode(errors="backslashreplace")
        if done.returncode:
            last = (said.strip().splitlines() or ["nothing on stderr"])[-1][:LAST_WORDS]
            raise LabError(f"{self.host}: `read` exits with {done.returncode}: {last}")
        return said
