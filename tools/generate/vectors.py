"""Derives the JSON Schemas of conformance vectors from the types that the suites read them into."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from transportlab.conformance.host.vectors import HostVector, HostVectorFile
from transportlab.conformance.vectors import Case, Vector, VectorFile

TARGETS: tuple[tuple[str, type[Case], type[Any]], ...] = (
    ("spec/conformance.schema.json", Vector, VectorFile),
    ("spec/conformance.host.schema.json", HostVector, HostVectorFile),
)


def derive() -> dict[Path, bytes]:
    """What each file must hold, by its path from the project's root."""
    return {Path(target): _derive(kind, form) for target, kind, form in TARGETS}


def _derive(kind: type[Case], form: type[Any]) -> bytes:
    module = form.__module__.replace(".", "/")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Derived by `make derived` from {module}.py.",
        **msgspec.json.schema(form),
    }
    definitions = schema["$defs"]
    definitions[form.__name__]["properties"]["group"]["enum"] = list(kind.GROUPS)
    for name in ("group", "transport"):  # given once for the whole file, and for the folder
        definitions[kind.__name__]["properties"].pop(name, None)
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
