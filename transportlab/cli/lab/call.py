"""`transportlab call`: any one RPC of a plugin, with its request written as JSON."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec

from transportlab.cli.config import configuration
from transportlab.cli.errors import guarded, log_json
from transportlab.cli.options import COMMON, JSON, MANIFEST
from transportlab.cli.out import private_stdout, tell
from transportlab.cli.parser import command, option
from transportlab.cli.plugins import PINS
from transportlab.cli.process import interrupts
from transportlab.codecs import DecodeError, load_codec
from transportlab.context import Context
from transportlab.errors import MAX_MESSAGE_BYTES, UsageError
from transportlab.host import HostOptions, open_backend
from transportlab.manifest.document import load_manifest
from transportlab.methods import CLOSE_SESSION, METHODS, OPEN_SESSION, AnyMethod
from transportlab.quote import clean_json, nearest, quote
from transportlab.registry import load_transport

CALLABLE = {name: m for name, m in METHODS.items() if m not in (OPEN_SESSION, CLOSE_SESSION)}
"""The RPCs that are called here. The host itself opens and closes the session."""

STDIN = "-"


@command(
    option("method", metavar="METHOD", help=f"One of {', '.join(CALLABLE)}."),
    option(
        "request",
        nargs="?",
        default="{}",
        metavar="[JSON]",
        help='The request, as backend.proto has it; {} by default, and "-" reads it from stdin.',
    ),
    *(one for one in COMMON if one not in (MANIFEST, JSON)),
    PINS,
)
def call(  # noqa: PLR0913  # one parameter an option
    *,
    method: str,
    request: str,
    backend: str,
    transport: str,
    backend_config: list[str],
    backend_config_file: list[str],
    backend_config_env: list[str],
    codec: str | None,
    timeout: float | None,
    handshake_timeout: float,
    log: bool,
    manifest: Path | None,
) -> None:
    """Call one RPC of a plugin, and print each reply as one line of JSON.

    The request is written as JSON and sent as it is: nothing is filled in from a manifest. So
    `transportlab call Read '{"app": "billing-service"}' --backend ./my-plugin` looks at a plugin.
    """
    with guarded(), private_stdout() as out:
        rpc = _method(method)
        message = _message(rpc, sys.stdin.buffer.read() if request == STDIN else request.encode())
        config = configuration(backend_config, backend_config_file, backend_config_env)
        killable = load_transport(transport).traits.killable
        with (
            config.hidden() as redactor,
            interrupts.cancelling() if killable else nullcontext() as cancellation,
        ):
            options = HostOptions(
                codec=codec,
                config=config.plain,
                secrets=config.secrets,
                pins={} if manifest is None else load_manifest(manifest).plugins,
                handshake=handshake_timeout,
                on_log=(lambda record: tell(log_json(record))) if log else None,
                cancellation=cancellation,
            )
            with open_backend(backend, transport, options) as session:
                context = Context(timeout=timeout, cancellation=cancellation)
                reply = getattr(session.backend, rpc.attribute)(message, context)
                for one in reply if rpc.streams else (reply,):
                    text = load_codec("json").encode(redactor.value(one)).decode()
                    with interrupts.raising():
                        out.file.write(clean_json(text) + "\n")
                        out.file.flush()


def _method(name: str) -> AnyMethod:
    """The RPC of that name. Raises UsageError."""
    if name in CALLABLE:
        return CALLABLE[name]
    if name in METHODS:
        raise UsageError(f"{name} is the host's own: it opens and closes the session of each call")
    near = nearest(name, CALLABLE)
    meant = f"; is it {near}?" if near else ""
    raise UsageError(f"no such method: {quote(name)}{meant}\n  there are {', '.join(CALLABLE)}")


def _message(rpc: AnyMethod, text: bytes) -> Any:
    """The request of an RPC in a JSON text. Raises UsageError, also for a member it does not have.

    A plugin ignores a member that it does not know. For a person it is a slip of the pen.
    """
    if len(text) > MAX_MESSAGE_BYTES:
        raise UsageError(f"{rpc.name}: the request has more than {MAX_MESSAGE_BYTES} bytes")
    try:
        message = load_codec("json").decode(rpc.request, text)
    except DecodeError as error:
        raise UsageError(f"{rpc.name}: the request: {error}") from None
    for path, known in _unknown(json.loads(text), msgspec.to_builtins(message), ""):
        raise UsageError(
            f"{rpc.name}: the request: {path}: no such member\n  there are {', '.join(known)}"
        )
    return message


def _unknown(given: Any, taken: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    """The members that were given and not taken, with those that there are."""
    if isinstance(given, list) and isinstance(taken, tuple):
        for number, pair in enumerate(zip(given, taken, strict=False)):
            yield from _unknown(*pair, f"{path}/{number}")
    if isinstance(given, Mapping) and isinstance(taken, Mapping):
        for name, value in given.items():
            place = f"{path}/{name}".lstrip("/")
            if name in taken:
                yield from _unknown(value, taken[name], place)
            else:
                yield place, list(taken)
