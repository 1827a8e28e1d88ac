"""JSON-RPC 2.0 for any methods: from a line to the line that answers it. Free of I/O.

The library jsonrpcserver finds and calls the methods and makes their responses. This module does
itself what the library does in another way than the specification:

- batches: the library judges a batch as a whole, the specification each element by itself;
- the text "Invalid Request";
- requests with members that the specification does not name.

It also parses. An object in which a member stands twice means different things to different
readers, so it is refused, and parsers do not do that by themselves.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from jsonrpcserver.dispatcher import dispatch_to_response_pure
from jsonrpcserver.response import to_serializable_one
from jsonrpcserver.result import Error, Result

from transportlab.codecs.json import parse_lone_surrogates
from transportlab.errors import MAX_CALLS, too_many_calls
from transports.jsonrpc.wire import (
    HEADERS,
    INVALID_REQUEST,
    MESSAGES,
    PARSE_ERROR,
    names_headers,
    repeated_member,
    to_wire,
)

Rpc = Callable[..., Result]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Unparsable(Exception):
    """The line is no JSON. cause says why; it is empty for plain bad syntax."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(cause)
        self.reply = failure(standard_error(PARSE_ERROR, cause))


class Engine:
    """Answers requests by the methods of a table. Safe to use from several threads."""

    def __init__(self, methods: Mapping[str, Rpc]) -> None:
        self._methods = dict(methods)

    def answer(self, request: Any, context: Callable[[Any], Any]) -> bytes | None:
        """The answer to what parse() returned, without LF; None if there is nothing to answer.

        context makes the first argument of a request's method from the request, which may be any
        JSON value.
        """
        return _answer(request, self._methods, context)


def refuse(request: Any) -> bytes | None:
    """The answer to what parse() returned when no more calls can be made (P-LIMIT-2)."""
    return _answer(request, _Refused(), lambda _request: None)


def parse(line: bytes) -> Any:
    """The JSON value on a line. Raises Unparsable, also for a member that stands twice."""
    try:
        value = _decode(line)
        repeated = repeated_member(line, value)
    except UnicodeDecodeError:
        raise Unparsable("the line is not UTF-8") from None
    except RecursionError:
        raise Unparsable("the JSON is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise Unparsable(str(error)) from None
    except msgspec.DecodeError:
        value = parse_lone_surrogates(line)  # refused call by call: P-CODEC-2
        if value is None:
            raise Unparsable(HEADERS if names_headers(line) else "") from None
        repeated = repeated_member(line, None)
    if repeated is not None:
        raise Unparsable(str(repeated))
    return value


def standard_error(code: int, cause: str = "") -> dict[str, Any]:
    """An error object of the specification, with data only if there is more to say."""
    error = {"code": code, "message": MESSAGES[code]}
    return error | {"data": cause} if cause else error


def failure(error: dict[str, Any]) -> bytes:
    """The response to a line in which no id could be found."""
    return _encode({"jsonrpc": "2.0", "error": error, "id": None})


class _Refused(dict[str, Rpc]):
    """A table that has every name, each for a method that refuses the call."""

    def __missing__(self, _name: str) -> Rpc:
        error = to_wire(too_many_calls())
        return lambda _origin, *_list, **_members: Error(**error)


def _answer(request: Any, methods: dict[str, Rpc], context: Callable[[Any], Any]) -> bytes | None:
    if not isinstance(request, list):
        response = _dispatch(request, methods, context)
        return None if response is None else _encode(response)
    if not request:
        return failure(standard_error(INVALID_REQUEST))
    if len(request) > MAX_CALLS:  # P-JSONRPC-7
        return failure(to_wire(too_many_calls()))
    each = (_dispatch(element, methods, context) for element in request)
    responses = [response for response in each if response is not None]
    return _encode(responses) if responses else None


def _dispatch(
    request: Any, methods: dict[str, Rpc], context: Callable[[Any], Any]
) -> dict[str, Any] | None:
    """The response to one request by itself; None for a notification."""
    response = dispatch_to_response_pure(
        request=request,
        methods=methods,
        context=context(request),
        deserializer=_same,
        validator=_validate,
        post_process=_serializable,
    )
    return cast("dict[str, Any] | None", response)


def _same(request: Any) -> Any:
    return request


def _validate(request: Any) -> Any:
    valid = (
        isinstance(request, dict)
        and request.get("jsonrpc") == "2.0"
        and isinstance(request.get("method"), str)
        and isinstance(request.get("params", {}), (dict, list))
        and is_id(request.get("id"))
    )
    if not valid:
        raise ValueError("not a request")
    return request


def is_id(value: Any) -> bool:
    """Whether the value can be the id of a request."""
    return isinstance(value, (str, int, float, type(None))) and not isinstance(value, bool)


def _serializable(response: Any) -> Any:
    made = cast("dict[str, Any]", to_serializable_one(response))
    error = made.get("error")
    if error is not None and error["code"] in MESSAGES:
        made["error"] = standard_error(error["code"])
    return made
