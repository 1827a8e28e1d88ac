"""The command `python -m tools.generate`; see the package."""

import sys
from functools import cache
from pathlib import Path

from tools.generate import ROOT, decision, int32, plugins, protobuf, record, samples, vectors
from transportlab.registry import transport_module, transport_names


@cache
def derived() -> dict[Path, bytes]:
    """What each derived file must hold, by its path from the project's root."""
    modules = [decision, plugins, record, protobuf, int32, samples, vectors]
    found = [transport_module(name, "derive") for name in transport_names()]
    modules += [module for module in found if module is not None]
    return {path: data for module in modules for path, data in module.derive().items()}


def update(wanted: dict[Path, bytes], root: Path, *, check: bool) -> bool:
    """Write those of the wanted files below root that are not current; check: only name them.

    Returns whether all were current.
    """
    current = True
    for path, data in wanted.items():
        file = root / path
        if file.is_file() and file.read_bytes() == data:
            continue
        current = False
        print(f"{'stale' if check else 'written'}: {path}")
        if not check:
            file.write_bytes(data)
    return current


def main(arguments: list[str]) -> int:
    """Write the stale files, or with --check only name them; returns the exit status."""
    check = "--check" in arguments
    current = update(derived(), ROOT, check=check)
    return 1 if check and not current else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
