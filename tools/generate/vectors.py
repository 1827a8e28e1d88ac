"""The JSON Schema of conformance vectors, derived from the types that the suite reads them by."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from transportlab.conformance.vectors import GROUPS, VectorFile

TARGET = Path("spec/conformance.schema.json")


def derive() -> dict[Path, bytes]:
    """The schema's bytes by its path in the project."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Derived by `make derived` from transportlab/conformance/vectors.py.",
        **msgspec.json.schema(VectorFile),
    }
    definitions = schema["$defs"]
    definitions["VectorFile"]["properties"]["group"]["enum"] = list(GROUPS)
    del definitions["Vector"]["properties"]["group"]  # it stands at the top of the file
    _clean(schema)
    return {TARGET: (json.dumps(schema, indent=2) + "\n").encode()}


def _clean(value: Any) -> None:
    """Take a docstring's indentation out of the descriptions."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            value["description"] = cleandoc(value["description"])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _clean(item)
