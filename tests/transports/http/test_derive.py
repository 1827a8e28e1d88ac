import json
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from tools.generate import ROOT
from transportlab.errors import Code, RpcError
from transportlab.methods import METHODS
from transports.http.derive import OUT, derive, document
from transports.http.wire import STATUSES, problem_document

DOCUMENT = yaml.safe_load((ROOT / OUT).read_text())


def problems(schema: dict[str, Any], value: object) -> list[str]:
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(value)]


def test_the_document_is_the_derived_one() -> None:
    assert document() == DOCUMENT
    assert derive()[OUT] == (ROOT / OUT).read_bytes()


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_each_method_has_its_path_its_types_and_every_status(method: Any) -> None:
    operation = DOCUMENT["paths"][method.path]["post"]
    assert operation["operationId"] == method.name
    request = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert request == f"#/components/schemas/{method.request.__name__}"
    assert {str(status) for status in STATUSES.values()} < set(operation["responses"])
    types = set(operation["responses"]["200"]["content"])
    streams = {"application/x-ndjson", "application/x-protobuf-stream"}
    assert types == (streams if method.streams else {"application/json", "application/x-protobuf"})


def test_there_are_no_other_paths() -> None:
    assert list(DOCUMENT["paths"]) == [method.path for method in METHODS.values()]


@pytest.mark.parametrize("code", Code)
def test_what_the_plugin_answers_is_as_described(code: Code) -> None:
    status = STATUSES[code]
    answer = json.loads(problem_document(RpcError(code, "no"), status))
    described = DOCUMENT["components"]["responses"][f"Error{status}"]
    schema = described["content"]["application/problem+json"]["schema"]
    assert code.name in described["description"]
    assert problems(schema, answer) == []
    assert problems(schema, {**answer, "code": "TEAPOT"}) != []


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ({"event": {"kind": "started"}}, True),
        ({"status": {"code": 0}}, True),
        ({}, False),
        ({"event": {}, "status": {}}, False),
        ({"event": {"kind": "gone"}}, False),
    ],
)
def test_a_line_of_a_stream_is_an_event_or_a_status(line: object, good: bool) -> None:
    content = DOCUMENT["paths"][METHODS["Apply"].path]["post"]["responses"]["200"]["content"]
    assert (problems(content["application/x-ndjson"]["schema"], line) == []) is good
