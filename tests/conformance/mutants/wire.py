#!python
"""A reference plugin with one fault on its wire, told by the name of the file: see mutant.py.

The vectors of bytes must find each: tests/conformance/test_wire_mutants.py says which of them do.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from transportlab.backend import Operations
from transportlab.backends.echo import PLUGIN
from transportlab.codecs import DecodeError
from transportlab.codecs.json import JsonCodec
from transportlab.errors import Code, RpcError
from transportlab.model import Status
from transportlab.sdk import run

HUGE = 1 << 60

READ_FAILS = "read-fails"
"""The mutant of every transport that fails what expects a good answer to Read."""

Mutate = Callable[[], None]


def put(owner: Any, **attributes: Any) -> Mutate:
    """A mutation that puts other attributes in the place of the plugin's own."""

    def mutate() -> None:
        for name, value in attributes.items():
            setattr(owner, name, value)

    return mutate


def modules(transport: str, *names: str) -> list[Any]:
    """Modules of a transport's, whose attributes mutants replace."""
    return [import_module(f"transports.{transport}.{name}") for name in names]


def default_if_unreadable(**codecs: Any) -> Mutate:
    """What cannot be read is taken for a message of defaults. codecs: by the method that reads."""

    def forgiving(inner: Any) -> Any:
        def read(self: Any, kind: Any, *rest: Any) -> Any:
            try:
                return inner(self, kind, *rest)
            except DecodeError:
                return kind()

        return read

    def mutate() -> None:
        for name, codec in codecs.items():
            method = name.partition("_")[0]
            setattr(codec, method, forgiving(getattr(codec, method)))

    return mutate


def jsonrpc() -> dict[str, Mutate]:
    """Faults on stdin and stdout."""
    import msgspec

    engine, server, service, wire = modules("jsonrpc", "engine", "server", "service", "wire")

    parse, decode, validate, answer = engine.parse, engine._decode, engine._validate, engine._answer
    write, serializable, stream = (
        server.Server._write,
        engine._serializable,
        service.Service._stream,
    )

    def forgives(line: bytes) -> Any:
        try:
            return decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def replaces(line: bytes) -> Any:
        return decode(line.decode("utf-8", "replace").encode())

    def apart(request: Any, *rest: Any) -> Any:
        if not isinstance(request, list):
            return answer(request, *rest)
        lines = [line for each in request if (line := answer(each, *rest)) is not None]
        return b"\n".join(lines) or None

    def whole(request: Any, *rest: Any) -> Any:
        if isinstance(request, list):
            try:
                [validate(each) for each in request]
            except ValueError:
                request = []
        return answer(request, *rest)

    def ids_as_text(response: Any) -> Any:
        made = serializable(response)
        return made | {"id": str(made["id"])}

    def no_cr(line: bytes) -> Any:
        if line.endswith(b"\r"):
            raise engine.Unparsable
        return parse(line)

    def nobodys_events(self: Any, method: Any, request: Any, context: Any, origin: Any) -> Any:
        named = service.Origin(b"null", origin.line_size, origin.switch)
        return stream(self, method, request, context, named)

    def required(self: Any, method: Any, origin: Any, params: Any) -> Any:
        return call(self, method, origin, {"request": {}, **params})

    class AnyName(dict[str, Any]):
        """A table in which every unknown name is Read's."""

        def __contains__(self, _name: object) -> bool:
            return True

        def __missing__(self, _name: str) -> Any:
            return self["Read"]

    def any_name(self: Any, methods: Any) -> None:
        self._methods = AnyName(methods)

    call = service.Service.call
    fewer = {name: method for name, method in service.METHODS.items() if name != "Drift"}
    return {
        "keeps-one-of-two-members": put(engine, repeated_member=lambda *_: None),
        "forgives-what-is-no-json": put(engine, _decode=forgives),
        "replaces-bytes": put(engine, _decode=replaces),
        "answers-notifications": put(
            engine, _same=lambda r: {"id": None, **r} if isinstance(r, dict) else r
        ),
        "a-line-for-each-element": put(engine, _answer=apart),
        "judges-batches-whole": put(engine, _answer=whole),
        "ids-as-text": put(engine, _serializable=ids_as_text),
        "any-id": put(engine, is_id=lambda _: True),
        "any-request": put(engine, _validate=lambda request: request),
        "takes-no-cr": put(server, parse=no_cr),
        "a-read-is-a-message": put(
            wire.LineReader, feed=lambda self, data: [data.strip()] if data.strip() else []
        ),
        "no-limit-of-lines": put(wire.LineReader.__init__, __defaults__=(HUGE,)),
        "no-limit-of-messages": put(service, MAX_MESSAGE_BYTES=HUGE),
        "a-limit-of-messages-for-lines": put(wire.LineReader.__init__, __defaults__=(64 << 20,)),
        "batches-of-any-size": put(engine, MAX_CALLS=HUGE),
        "small-batches": put(engine, MAX_CALLS=100),
        "no-deadline": put(service, _timeout=lambda _params: None),
        "cancels-nothing": put(service.Service, cancel=lambda *_, **__: service.Success(None)),
        "events-of-nobody": put(service.Service, _stream=nobodys_events),
        "no-request-is-an-empty-one": put(service.Service, call=required),
        "an-unknown-method-is-read": put(engine.Engine, __init__=any_name),
        "without-an-rpc": put(service, METHODS=fewer),
        "drops-details": put(
            service,
            to_wire=lambda error, code=None: {
                "code": code or -32000 - error.code,
                "message": error.message,
            },
        ),
        "long-texts": put(RpcError, to_status=lambda e: Status(e.code, e.message, e.details)),
        "unreadable-is-the-default": default_if_unreadable(convert=JsonCodec),
        "writes-everything-twice": put(
            server.Server, _write=lambda self, line: write(self, line + b"\n" + line)
        ),
    }


def http() -> dict[str, Mutate]:
    """Faults on the socket."""
    handler, requests, service, wire = modules("http", "handler", "requests", "service", "wire")

    base = handler.Handler
    check, parse, fail = handler.check_secret, base.parse_request, base._fail
    authenticate, call = base._authenticate, base._call

    def closes(self: Any, *rest: Any) -> None:
        self.close_connection = True
        call(self, *rest)

    def no_version(self: Any) -> Any:
        found = parse(self)
        self.request_version = "HTTP/1.1"
        return found

    def continues(self: Any) -> bool:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def once(self: Any) -> None:
        if not self._known:
            authenticate(self)

    def length(headers: Any) -> int | None:
        text = headers.get("Content-Length")
        if text is None:
            return None if "Transfer-Encoding" in headers else 0
        return int(text) if text.strip().isdigit() else 0

    def keeps_open(self: Any, refused: Any) -> None:
        fail(self, refused.error, refused.status, refused.headers)

    def page(error: Any, status: int) -> bytes:
        return b'{"error":"<h1>sorry</h1>"}'

    def any_path(self: Any, codec: Any, body: bytes, switch: Any) -> None:
        self.path = f"/{handler.SERVICE}/{self.path.rpartition('/')[2] or 'Read'}"
        call(self, codec, body, switch)

    framing = wire.FRAMINGS
    from transportlab.codecs.protobuf import ProtobufCodec

    endless = {
        name: wire.Framing(f.content_type, f.event, f.status, b"") for name, f in framing.items()
    }
    return {
        "asks-no-secret": put(handler, check_secret=lambda *_: None),
        "the-first-of-two-secrets": put(handler, check_secret=lambda g, w: check(g[:1], w)),
        "a-part-of-the-secret": put(
            handler, check_secret=lambda g, w: check([x.strip('"')[:64] for x in g], w)
        ),
        "the-secret-once": put(base, _authenticate=once),
        "closes-after-each-reply": put(base, _call=closes),
        "keeps-refused-connections": put(base, _refuse=keeps_open),
        "a-page-for-an-error": put(handler, problem_document=page),
        "takes-what-has-come": put(handler, read_body=lambda file, length: file.read(length or 0)),
        "any-version": put(base, parse_request=no_version),
        "any-type": put(base, _codec=lambda self: self._service.codec("json")),
        "any-length": put(handler, body_length=length),
        "any-size": put(requests, MAX_MESSAGE_BYTES=HUGE),
        "a-small-limit": put(requests, MAX_MESSAGE_BYTES=1 << 20),
        "chunks-without-a-look": put(requests, _chunk_size=lambda line: len(line) and 2),
        "no-deadline": put(handler, timeout_seconds=lambda _headers: None),
        "continues-at-once": put(base, handle_expect_100=continues),
        "any-path": put(base, _call=any_path),
        "endless-heads": put(handler, MAX_HEAD_BYTES=HUGE),
        "any-number-of-strangers": put(service.Strangers, enter=lambda *_: None),
        "streams-without-an-end": put(handler, FRAMINGS=endless),
        "long-texts": put(RpcError, to_status=lambda e: Status(e.code, e.message, e.details)),
        "unreadable-is-the-default": default_if_unreadable(
            decode_json=JsonCodec, decode_protobuf=ProtobufCodec
        ),
    }


def grpc() -> dict[str, Mutate]:
    """Faults of a gRPC server."""
    from transportlab.codecs.protobuf import ProtobufCodec

    server, wire = modules("grpc", "server", "wire")

    check = server.check_secret
    by_name = {method.name: method for method in server.METHODS.values()}

    class AnyPath(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            name = path.rpartition("/")[2]
            return by_name.get(name[:1].upper() + name[1:], default)

    def fail(self: Any, error: Any, call: Any) -> Any:
        call.abort(server._STATUS[error.code], error.message)

    options = dict(wire.SERVER_OPTIONS)
    return {
        "asks-no-secret": put(server, check_secret=lambda *_: None),
        "the-first-of-two-secrets": put(server, check_secret=lambda g, w: check(g[:1], w)),
        "a-part-of-the-secret": put(
            server, check_secret=lambda g, w: check([x[:64] for x in g], w)
        ),
        "an-error-without-status": put(server._Call, _fail=fail),
        "any-path": put(server, _METHODS=AnyPath()),
        "any-codec": put(server, _unknown_codec=lambda _: server.unknown_method("x")),
        "whole-texts": put(server, grpc_message=lambda text: text),
        "any-size": put(
            server,
            SERVER_OPTIONS=[*(options | {"grpc.max_receive_message_length": -1}).items()],
        ),
        "much-metadata": put(
            server,
            SERVER_OPTIONS=[
                *(
                    options
                    | {
                        "grpc.max_metadata_size": 1 << 24,
                        "grpc.absolute_max_metadata_size": 1 << 24,
                    }
                ).items()
            ],
        ),
        "little-metadata": put(
            server,
            SERVER_OPTIONS=[
                *(
                    options
                    | {"grpc.max_metadata_size": 4096, "grpc.absolute_max_metadata_size": 4096}
                ).items()
            ],
        ),
        "unreadable-is-the-default": default_if_unreadable(decode=ProtobufCodec),
    }


FAULTS = {"jsonrpc": jsonrpc, "http": http, "grpc": grpc}


class ReadFails:
    """Operations without Read."""

    def __init__(self, inner: Operations) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read(self, *_: Any) -> Any:
        raise RpcError(Code.NOT_FOUND, "nothing is found")


def main() -> None:
    """Serve the mutant of this file's name: cronix-backend-<transport>-<mutant>."""
    name = Path(sys.argv[0]).name.removeprefix("cronix-backend-")
    transport, _, mutant = name.partition("-")
    if mutant == READ_FAILS:
        run(replace(PLUGIN, create=lambda config: ReadFails(PLUGIN.create(config))))
        return
    FAULTS[transport]()[mutant]()
    run(PLUGIN)


if __name__ == "__main__":
    main()
