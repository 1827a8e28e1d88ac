"""Writes or checks the derived files; see the package."""

import sys
from pathlib import Path

from tools.generate import ffi, int32, openapi, openrpc, protobuf, samples, vectors

DERIVERS = (
    protobuf.derive,
    int32.derive,
    ffi.derive,
    samples.derive,
    openapi.derive,
    openrpc.derive,
    vectors.derive,
)


def stale() -> dict[Path, bytes]:
    """The derived files that are missing or differ, with what they have to hold."""
    wanted = {path: data for derive in DERIVERS for path, data in derive().items()}
    root = protobuf.ROOT
    return {
        path: data
        for path, data in wanted.items()
        if not (root / path).is_file() or (root / path).read_bytes() != data
    }


def main(arguments: list[str]) -> int:
    """Write what is stale, or with --check only name it and return 1."""
    found = stale()
    for path, data in found.items():
        print(("stale: " if "--check" in arguments else "written: ") + str(path))
        if "--check" not in arguments:
            (protobuf.ROOT / path).write_bytes(data)
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
