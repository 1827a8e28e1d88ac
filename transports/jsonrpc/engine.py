"""JSON-RPC 2.0 from a line to a request to the line that answers it, for any methods; no I/O.

The library jsonrpcserver finds and calls the methods and makes their responses. This module does
what the library does otherwise than the specification: batches (the library judges a batch as a
whole, the specification each element by itself), the text "Invalid Request", and requests with
members that the specification does not know. It also parses, because an object in which a member
stands twice means different things to different readers, and parsers do not refuse it themselves.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from jsonrpcserver import Error, Result, dispatch_to_response
from jsonrpcserver.response import to_serializable_one

from transportlab.errors import MAX_CALLS, too_many_calls
from transports.jsonrpc.wire import (
    HEADERS,
    INVALID_REQUEST,
    MESSAGES,
    PARSE_ERROR,
    names_headers,
    to_wire,
)

Rpc = Callable[..., Result]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Unparsable(Exception):
    """The line is no JSON. cause says why where that is more than bad syntax, else it is empty."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(cause)
        self.reply = failure(standard_error(PARSE_ERROR, cause))


class Engine:
    """Answers requests with the methods of a table. Safe to use from several threads."""

    def __init__(self, methods: Mapping[str, Rpc]) -> None:
        self._methods = dict(methods)

    def answer(self, request: Any, context: Callable[[Any], Any]) -> bytes | None:
        """The answer to what parse() has returned, without LF; None if there is none to give.

        context makes of each request, which may be anything, the first argument of its method.
        """
        return _answer(request, self._methods, context)


def refuse(request: Any) -> bytes | None:
    """The answer to what parse() has returned when no more calls can be made (P-LIMIT-2)."""
    return _answer(request, _Refused(), lambda _request: None)


def parse(line: bytes) -> Any:
    """The JSON value on a line. Raises Unparsable, also for a member that stands twice."""
    try:
        value = _decode(line)
        # Written anew by the same rules a value is equal to its text only if no member was dropped;
        # what other writers write differently is looked at member by member.
        if _encode(value) != line:
            json.loads(line, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except UnicodeDecodeError:
        raise Unparsable("the line is not UTF-8") from None
    except RecursionError:
        raise Unparsable("the JSON is nested too deeply") from None
    except msgspec.ValidationError as error:
        raise Unparsable(str(error)) from None
    except msgspec.DecodeError:
        raise Unparsable(HEADERS if names_headers(line) else "") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Unparsable(f'the member "{name}" stands twice in one object')
        seen.add(name)


def standard_error(code: int, cause: str = "") -> dict[str, Any]:
    """An error object of the specification; data only where there is more to say."""
    error = {"code": code, "message": MESSAGES[code]}
    return error | {"data": cause} if cause else error


def failure(error: dict[str, Any]) -> bytes:
    """The response to a line in which no id could be found."""
    return _encode({"jsonrpc": "2.0", "error": error, "id": None})


class _Refused(dict[str, Rpc]):
    """A table in which each name is a method that refuses to be called."""

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
    response = dispatch_to_response(
        request,
        methods,
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
