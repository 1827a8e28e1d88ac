"""Derives the JSON Schemas of the suites' files from the types that they are read into."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from transportlab.conformance.host.vectors import HostVector, HostVectorFile
from transportlab.conformance.mutants.data import MutantFile
from transportlab.conformance.standing import KnownFile, Revision
from transportlab.conformance.vectors import Case, Vector, VectorFile

VECTORS: tuple[tuple[str, type[Case], type[Any]], ...] = (
    ("spec/conformance.schema.json", Vector, VectorFile),
    ("spec/conformance.host.schema.json", HostVector, HostVectorFile),
)

OTHERS: tuple[tuple[str, type[Any]], ...] = (
    ("spec/conformance.mutants.schema.json", MutantFile),
    ("spec/known.schema.json", KnownFile),
    ("spec/revision.schema.json", Revision),
)


def derive() -> dict[Path, bytes]:
    """What each file must hold, by its path from the project's root."""
    found = {Path(target): _vectors(kind, form) for target, kind, form in VECTORS}
    return found | {Path(target): _written(_schema(form)) for target, form in OTHERS}


def _schema(form: type[Any]) -> dict[str, Any]:
    module = form.__module__.replace(".", "/")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Derived by `make derived` from {module}.py.",
        **msgspec.json.schema(form),
    }


def _vectors(kind: type[Case], form: type[Any]) -> bytes:
    schema = _schema(form)
    definitions = schema["$defs"]
    definitions[form.__name__]["properties"]["group"]["enum"] = list(kind.GROUPS)
    for name in ("group", "transport"):  # given once for the whole file, and for the folder
        definitions[kind.__name__]["properties"].pop(name, None)
    return _written(schema)


def _written(schema: dict[str, Any]) -> bytes:
    clean(schema)
    return (json.dumps(schema, indent=2) + "\n").encode()


def clean(value: Any) -> None:
    """Remove a docstring's indentation from the descriptions."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            value["description"] = cleandoc(value["description"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            clean(item)
