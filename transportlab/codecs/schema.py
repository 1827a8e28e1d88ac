"""JSON Schemas of the contract's messages, for the documents that describe a transport.

msgspec derives them from the structs. Added here is what msgspec cannot know: an integer is an
int32 (P-CODEC-2), and a docstring's indentation is not part of its text. No plugin imports this
module; a transport's derive.py does.
"""

from enum import EnumMeta
from inspect import cleandoc
from typing import Any

import msgspec

from transportlab import model

REF = "#/components/schemas/{name}"
"""Where OpenRPC and OpenAPI keep the schemas of a document."""


def messages() -> list[type[model.Message]]:
    """The contract's messages, in the order of model.py."""
    return [kind for kind in vars(model).values() if is_message(kind)]


def is_message(kind: object) -> bool:
    """Whether that is the type of a message."""
    return isinstance(kind, type) and issubclass(kind, model.Message) and kind is not model.Message


def enums() -> list[EnumMeta]:
    """The contract's enums, in the order of model.py."""
    return [kind for kind in vars(model).values() if isinstance(kind, EnumMeta) and len(kind)]


def components() -> dict[str, Any]:
    """The schema of every message and enum, by name; they refer to each other by REF."""
    _, schemas = msgspec.json.schema_components(messages(), ref_template=REF)
    for schema in schemas.values():
        _complete(schema)
    return dict(sorted(schemas.items()))


def reference(kind: type) -> dict[str, str]:
    """A schema that points to the component of that message."""
    return {"$ref": REF.format(name=kind.__name__)}


def _complete(schema: dict[str, Any]) -> None:
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"])
    if not schema.get("required", True):
        del schema["required"]
    if schema.get("type") == "integer":
        schema |= {"format": "int32", "minimum": model.INT32_MIN, "maximum": model.INT32_MAX}
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        _complete(inner)
    for member in ("items", "additionalProperties"):
        if isinstance(schema.get(member), dict):
            _complete(schema[member])
