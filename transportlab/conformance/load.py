"""Reads the vectors of spec/conformance, holds them to what the types cannot say, and selects."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from transportlab.backend import CAPABILITIES
from transportlab.channel import Traits
from transportlab.conformance.vectors import FEATURES, GROUPS, Edit, File, Vector, VectorFile
from transportlab.errors import UsageError


def default_folder(module: Path = Path(__file__)) -> Path:
    """Where the vectors are: beside this module once installed, else in the project's spec."""
    here = module.resolve()
    installed = here.parent / "spec"
    return installed if installed.is_dir() else here.parents[2] / "spec" / "conformance"


def load_vectors(folder: Path | None = None) -> tuple[Vector, ...]:
    """All vectors of a folder, by group and in the order of their file.

    Raises UsageError with the file and the place for what is no vector or is there twice.
    """
    folder = folder or default_folder()
    files = [_load_file(path) for path in sorted(folder.glob("*.json"))]
    if not files:
        raise UsageError(f"{folder}: no vectors there")
    files.sort(key=lambda file: GROUPS.index(file.group))
    found: dict[str, Vector] = {}
    for file in files:
        for vector in file.vectors:
            if vector.id in found:
                raise UsageError(f'{folder}: two vectors have the id "{vector.id}"')
            _check(vector, folder)
            found[vector.id] = msgspec.structs.replace(vector, group=file.group)
    return tuple(found.values())


def _load_file(path: Path) -> VectorFile:
    try:
        file = msgspec.json.decode(path.read_bytes(), type=VectorFile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not vectors: {error}") from error
    if file.group not in GROUPS:
        raise UsageError(f'{path}: unknown group "{file.group}"; there are {", ".join(GROUPS)}')
    return file


@cache
def _words() -> dict[str, frozenset[str]]:
    traits = frozenset(Traits.__dataclass_fields__)
    return {
        "trait": traits - {"codecs", "requires"},
        "capability": frozenset(CAPABILITIES),
        "feature": frozenset(FEATURES),
    }


def _check(vector: Vector, folder: Path) -> None:
    """What the types cannot say: needs are of known words, saved names are there when used."""
    needs = vector.needs
    named = {"trait": needs.traits, "capability": needs.capabilities, "feature": needs.features}
    for kind, names in named.items():
        for name in names:
            if name not in _words()[kind]:
                known = ", ".join(sorted(_words()[kind]))
                raise UsageError(f"{folder}: {vector.id}: unknown {kind} {name}; there are {known}")
    if vector.group:
        raise UsageError(f"{folder}: {vector.id}: the group stands at the top of the file")
    touches = vector.file is not None or any(isinstance(s, Edit | File) for s in vector.steps)
    if touches and "crontab-file" not in needs.features:
        raise UsageError(f"{folder}: {vector.id}: a file needs the feature crontab-file")


def select(
    vectors: Sequence[Vector], groups: Sequence[str] = (), ids: Sequence[str] = ()
) -> tuple[Vector, ...]:
    """Those of the groups and of the ids; all without either. UsageError for an unknown name."""
    known = {vector.id for vector in vectors}
    for kind, wanted, there in (("group", groups, set(GROUPS)), ("vector", ids, known)):
        for name in wanted:
            if name not in there:
                raise UsageError(f'unknown {kind} "{name}"; {_near(name, there)}')
    chosen = tuple(
        v for v in vectors if (not groups or v.group in groups) and (not ids or v.id in ids)
    )
    if not chosen:
        raise UsageError("no vector is selected")
    return chosen


def _near(name: str, known: set[str]) -> str:
    word = re.split(r"[- ]", name)[0]
    near = sorted(other for other in known if other.startswith(word)) or sorted(known)
    return f"there are {', '.join(near)}"
