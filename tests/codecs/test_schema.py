import json
from typing import Any

import jsonschema
import pytest

from transportlab.codecs.json import CODEC
from transportlab.codecs.schema import components, enums, messages, reference
from transportlab.model import Entry, OpenSessionRequest, ReadRequest, Retries

SCHEMAS = components()


def problems(kind: type, value: object) -> list[str]:
    document = {**reference(kind), "components": {"schemas": SCHEMAS}}
    validator = jsonschema.Draft202012Validator(document)
    return [error.message for error in validator.iter_errors(value)]


def test_there_is_a_schema_for_every_message_and_every_enum() -> None:
    assert set(SCHEMAS) == {k.__name__ for k in messages()} | {k.__name__ for k in enums()}


@pytest.mark.parametrize("kind", messages())
def test_each_schema_takes_what_the_codec_writes(kind: type) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind.__name__])
    assert problems(kind, json.loads(CODEC.encode(kind()))) == []
    assert problems(kind, {}) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Retries, {"max_attempts": 2**31}),
        (OpenSessionRequest, {"protocol_versions": [-(2**31) - 1]}),
        (Entry, {"index": "0"}),
        (ReadRequest, {"app": 1}),
    ],
)
def test_a_schema_refuses_what_the_codec_refuses(kind: type, value: dict[str, Any]) -> None:
    assert len(problems(kind, value)) == 1


def test_descriptions_are_the_docstrings_without_their_indentation() -> None:
    assert "\n\nlocation says where it stands" in SCHEMAS["Entry"]["description"]
