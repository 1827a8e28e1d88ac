"""Measures what a worker costs a library: the cold start, and a warm Read.

    python -m bench.worker_cost [--blocks 30] [--seed N]

The arms are the same backend as a library in the host, as a library in a worker, and as a program.
Worker and program are reached over the same transport, and all use the same codec, so that only the
way to the backend differs.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from sysconfig import get_path

from bench.paired import ONE, Sample, blocks, print_sample, ratio, shown, spread
from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.registry import load_transport, transport_names

READS = 200
LIBRARY = Path(get_path("scripts"), "cronix-backend-echo.so")

HOST, WORKER, PROGRAM = "library in the host", "library in a worker", "program"


def arms() -> dict[str, Sequence[str]]:
    """Return backend, transport and codec of each arm."""
    library = transport_names(EndpointKind.LIBRARY)[0]
    pipe = transport_names(EndpointKind.STDIO)[0]
    codec = load_transport(pipe).traits.codecs[0]
    return {
        HOST: (str(LIBRARY), library, codec),
        WORKER: (str(LIBRARY), pipe, codec),
        PROGRAM: ("echo", pipe, codec),
    }


def sample(backend: str, transport: str, codec: str) -> Sample:
    """Return the seconds to the first reply, and the median seconds of many Reads after it."""
    begin = time.monotonic()
    with open_backend(backend, transport, HostOptions(codec=codec)) as session:
        session.backend.read(model.ReadRequest(), Context())
        ready = time.monotonic() - begin
        warm = []
        for _ in range(READS):
            begin = time.perf_counter()
            session.backend.read(model.ReadRequest(), Context())
            warm.append(time.perf_counter() - begin)
    return {"cold start": ready, "warm Read": median(warm)}


def main(arguments: Sequence[str]) -> int:
    """Print a row for each arm."""
    if arguments[:1] == [ONE]:
        print_sample(lambda: sample(*arguments[1:4]))
        return 0
    parser = argparse.ArgumentParser("bench.worker_cost", description="What a worker costs.")
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if not LIBRARY.exists():
        sys.exit("not run: the libraries were not built (no C compiler)")
    found = blocks("bench.worker_cost", arms(), options.blocks, options.seed)
    print("| arm | cold start | in cold starts of the program | warm Read | in Reads of it |")
    print("|---|---|---|---|---|")
    for arm in arms():
        cells = [
            cell
            for metric in ("cold start", "warm Read")
            for cell in (spread(found, arm, metric), shown(ratio(found, arm, PROGRAM, metric)))
        ]
        print(f"| {arm} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
