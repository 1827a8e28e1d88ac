"""The table between the contract's errors and those of JSON-RPC (P-JSONRPC-5, P-JSONRPC-6).

    code of JSON-RPC    code of the contract
    -32700              INTERNAL         the request was no JSON
    -32600              INTERNAL         the request was no request of JSON-RPC
    -32601              UNIMPLEMENTED    the method does not exist
    -32602              INVALID_ARGUMENT the params do not hold what the method wants
    -32603              INTERNAL         the server failed outside the backend
    -32001 ... -32016   1 ... 16, as in -32000 - code
    any other           UNKNOWN (P-ERR-4)

data is {"code": name, "details": ErrorDetails} where the contract has made the error.
"""

from typing import Any

from transportlab.codecs import DecodeError
from transportlab.codecs.json import CODEC
from transportlab.errors import Code, ProtocolViolation, RpcError, unknown_method
from transportlab.model import ErrorDetails, Status

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

MESSAGES = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
}
"""The texts of the specification, to the letter."""

_BASE = -32000

_STANDARD = {
    PARSE_ERROR: Code.INTERNAL,
    INVALID_REQUEST: Code.INTERNAL,
    INVALID_PARAMS: Code.INVALID_ARGUMENT,
    INTERNAL_ERROR: Code.INTERNAL,
}


def number_of(code: Code) -> int:
    """The code of JSON-RPC for one of the contract."""
    return _BASE - code


def to_wire(error: RpcError, code: int | None = None) -> dict[str, Any]:
    """The error object of JSON-RPC; code is that of the table unless given."""
    status = error.to_status()
    return {
        "code": number_of(error.code) if code is None else code,
        "message": status.message,
        "data": {"code": error.code.name, "details": status.details},
    }


def from_wire(method: str, code: int, message: str, data: Any) -> RpcError:
    """The error that a server sent in answer to a call of that method.

    Raises ProtocolViolation if the details are not those of the contract.
    """
    if code == METHOD_NOT_FOUND:
        return unknown_method(method)
    details = data.get("details", {}) if isinstance(data, dict) else {}
    try:
        known = CODEC.convert(ErrorDetails, details)
    except DecodeError as error:
        raise ProtocolViolation(f"{method}: the error's details are unreadable: {error}") from None
    number = _BASE - code
    if not 1 <= number <= len(Code):
        number = _STANDARD.get(code, Code.UNKNOWN)
    return RpcError.from_status(Status(number, message, known))
