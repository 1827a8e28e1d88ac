import json
from typing import Any

import jsonschema
import pytest
from openrpc import OpenRPC

from tools.generate import ROOT
from transportlab.codecs.json import CODEC
from transportlab.codecs.schema import messages
from transportlab.errors import Code, RpcError
from transportlab.methods import METHODS
from transports.jsonrpc.derive import OUT, derive, document
from transports.jsonrpc.messages import cancel_line, request_line
from transports.jsonrpc.wire import to_wire

DOCUMENT = json.loads((ROOT / OUT).read_text())
METHODS_THERE = {method["name"]: method for method in DOCUMENT["methods"]}


def validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_extensions(v) for k, v in value.items() if not k.startswith("x-")}
    return [without_extensions(v) for v in value] if isinstance(value, list) else value


def test_the_document_is_the_derived_one() -> None:
    assert derive()[OUT] == (ROOT / OUT).read_bytes()
    assert json.loads(json.dumps(document())) == DOCUMENT


def test_the_document_is_openrpc_and_has_no_member_that_openrpc_does_not_know() -> None:
    parsed = OpenRPC.model_validate(DOCUMENT)
    again = parsed.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert again == without_extensions(DOCUMENT)


@pytest.mark.parametrize("missing", ["openrpc", "info", "methods"])
def test_the_check_of_the_document_can_fail(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        OpenRPC.model_validate({k: v for k, v in DOCUMENT.items() if k != missing})


def test_what_openrpc_wants_to_be_unique_is() -> None:
    assert len(METHODS_THERE) == len(DOCUMENT["methods"])
    for method in METHODS_THERE.values():
        codes = [error["code"] for error in method.get("errors", ())]
        assert len(set(codes)) == len(codes)
        required = [param.get("required", False) for param in method["params"]]
        assert required == sorted(required, reverse=True), "required ones come first"


def test_every_method_and_every_message_is_there() -> None:
    assert set(METHODS_THERE) == {*METHODS, "cancel"}
    assert {kind.__name__ for kind in messages()} < set(DOCUMENT["components"]["schemas"])
    for name, method in METHODS.items():
        described = METHODS_THERE[name]
        assert described["params"][0]["schema"]["$ref"].endswith(f"/{method.request.__name__}")
        where = described["x-event"]["params"][1] if method.streams else described["result"]
        assert where["schema"]["$ref"].endswith(f"/{method.reply.__name__}")
        assert ("x-event" in described) is method.streams


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [r for each in value.values() for r in references(each)]
        return [r for each in value for r in references(each)] if isinstance(value, list) else []

    schemas = DOCUMENT["components"]["schemas"]
    found = references(DOCUMENT)
    assert found
    assert {r.removeprefix("#/components/schemas/") for r in found} <= set(schemas)


@pytest.mark.parametrize("line", [request_line("Read", 1, b'{"app":"web"}', 5.0), cancel_line(4)])
def test_what_the_host_sends_is_as_described(line: bytes) -> None:
    sent = json.loads(line)
    params = {p["name"]: p for p in METHODS_THERE[sent["method"]]["params"]}
    assert {name for name, p in params.items() if p["required"]} <= set(sent["params"])
    for name, value in sent["params"].items():
        assert validator(params[name]["schema"]).is_valid(value)


@pytest.mark.parametrize("code", Code)
def test_what_the_plugin_answers_to_an_error_is_as_described(code: Code) -> None:
    error = to_wire(RpcError(code, "no"))
    described = {e["code"]: e["message"] for e in METHODS_THERE["Read"]["errors"]}
    assert described[error["code"]] == code.name
    data = json.loads(CODEC.encode(error["data"]))
    check = validator({"$ref": "#/components/schemas/ErrorData"})
    assert check.is_valid(data)
    assert not check.is_valid({**data, "code": "TEAPOT"})
