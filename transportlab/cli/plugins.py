"""The commands about plugins themselves: `transportlab plugins list|diagnose|pin|verify`."""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec

from transportlab.channel import EndpointKind
from transportlab.cli import render_plugins
from transportlab.cli.errors import guarded
from transportlab.cli.options import HANDSHAKE, JSON, MANIFEST
from transportlab.cli.out import open_out, tell
from transportlab.cli.parser import command, flag, option
from transportlab.cli.process import interrupts
from transportlab.cli.streams import EXIT_ERROR
from transportlab.context import Cancellation
from transportlab.errors import RpcError, UsageError
from transportlab.host.inspection.diagnose import diagnose
from transportlab.host.inspection.list import find_plugins
from transportlab.host.inspection.pin import (
    BOTH,
    PinState,
    coverage,
    hash_files,
    plugins_block,
    verify,
)
from transportlab.host.options import HostOptions
from transportlab.manifest.document import load_manifest
from transportlab.quote import clean
from transportlab.registry import load_transport

ONLY_FOR = option(
    "--transport",
    metavar="NAME",
    help="Only the kind of file that this one uses, program or library; both by default.",
)
PINS = option("--manifest", type=Path, metavar="FILE", help="Hold plugins to this manifest's pins.")


@command(
    PINS,
    flag("--start", help="Start each plugin to ask for its version and transports."),
    HANDSHAKE,
    JSON,
)
def list_plugins(
    *, manifest: Path | None, start: bool, handshake_timeout: float, as_json: bool
) -> None:
    """Show the plugins that a host would find, and what is wrong with those that cannot run."""
    with guarded(), _starting() if start else nullcontext() as cancellation:
        found = find_plugins(
            os.environ, _options(manifest, handshake_timeout, cancellation), start=start
        )
    if as_json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        render_plugins.listing(open_out(), found, started=start)


@command(
    option("backend", metavar="NAME", help="The backend: a name, or the path of a plugin."),
    option(
        "--transport",
        metavar="NAME",
        help="Start it over this one; over each in turn by default.",
    ),
    PINS,
    HANDSHAKE,
    JSON,
)
def diagnose_plugin(
    *,
    backend: str,
    transport: str | None,
    manifest: Path | None,
    handshake_timeout: float,
    as_json: bool,
) -> int:
    """Find out why a plugin does not start: examine its file, then start it.

    Exits with 1 if it does not start.
    """
    with guarded(), _starting() as cancellation:
        found = diagnose(backend, transport, _options(manifest, handshake_timeout, cancellation))
    if as_json:
        print(json.dumps(msgspec.to_builtins(found)))
    else:
        render_plugins.diagnosis(open_out(), found)
    return 0 if found.starts else EXIT_ERROR


@command(
    option(
        "names",
        nargs="+",
        metavar="NAME...",
        help="Backends: names, or paths of plugins (with a slash).",
    ),
    ONLY_FOR,
)
def pin(*, names: list[str], transport: str | None) -> None:
    """Print the manifest's plugins block that pins these plugins as they are now.

    On stderr it says what each sum does not cover.
    """
    with guarded():
        files = [file for name in names for file in hash_files(name, _libraries(transport))]
    for file in files:
        tell(clean(f"{file.path}: {coverage(file.left_out)}"))
    print(json.dumps({"plugins": plugins_block(files)}, indent=2))


@command(MANIFEST, ONLY_FOR, JSON)
def verify_pins(*, manifest: Path, transport: str | None, as_json: bool) -> int:
    """Compare the manifest's pins with the files that a host would run, without running them.

    Exits with 1 unless every pin is ok, and with 2 if there is none.
    """
    with guarded():
        pins = load_manifest(manifest).plugins
        if not pins:
            raise UsageError(f"{manifest} pins no plugin; see `transportlab plugins pin`")
        results = verify(pins, _libraries(transport))
    if as_json:
        print(json.dumps({"pins": [msgspec.to_builtins(result) for result in results]}))
    else:
        for result in results:
            print(render_plugins.pin(result))
    return 0 if all(result.state is PinState.OK for result in results) else EXIT_ERROR


def _libraries(transport: str | None) -> Collection[bool]:
    """Which kinds of file a transport uses: libraries or not."""
    if transport is None:
        return BOTH
    kind = load_transport(transport).traits.endpoint
    if kind is EndpointKind.OBJECT:
        raise UsageError(f"transport {transport} reaches backends of this very program, no files")
    return (kind is EndpointKind.LIBRARY,)


def _options(
    manifest: Path | None, handshake: float, cancellation: Cancellation | None
) -> HostOptions:
    pins = {} if manifest is None else load_manifest(manifest).plugins
    return HostOptions(pins=pins, handshake=handshake, cancellation=cancellation)


@contextmanager
def _starting() -> Iterator[Cancellation]:
    """What a signal throws while plugins are started. It ends the command once they are stopped."""
    try:
        with interrupts.cancelling() as cancellation:
            yield cancellation
    except RpcError:
        if not interrupts.number:
            raise
    if interrupts.number:
        raise KeyboardInterrupt
