"""Derives the JSON Schema of conformance vectors from the types that the suite reads them into."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from transportlab.conformance.vectors import GROUPS, VectorFile

TARGET = Path("spec/conformance.schema.json")


def derive() -> dict[Path, bytes]:
    """What each file must hold, by its path from the project's root."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Derived by `make derived` from transportlab/conformance/vectors.py.",
        **msgspec.json.schema(VectorFile),
    }
    definitions = schema["$defs"]
    definitions["VectorFile"]["properties"]["group"]["enum"] = list(GROUPS)
    del definitions["Vector"]["properties"]["group"]  # given once for the whole file
    _clean(schema)
    return {TARGET: (json.dumps(schema, indent=2) + "\n").encode()}


def _clean(value: Any) -> None:
    """Remove a docstring's indentation from the descriptions."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            value["description"] = cleandoc(value["description"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _clean(item)
