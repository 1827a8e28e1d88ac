"""The commands about plugins themselves: `transportlab plugins list|diagnose|pin|verify`."""

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from transportlab.channel import EndpointKind
from transportlab.cli import render_plugins
from transportlab.cli.operations import app
from transportlab.cli.options import HandshakeOption, JsonOption, ManifestOption
from transportlab.cli.process import EXIT_ERROR, guarded, interrupts, open_console
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

plugins = typer.Typer(
    no_args_is_help=True, help="List and diagnose plugins; pin and verify their sums."
)
app.add_typer(plugins, name="plugins")

OnlyFor = Annotated[
    str | None,
    typer.Option(
        "--transport",
        help="Only the kind of file that this one uses, program or library; both by default.",
        metavar="NAME",
    ),
]
PinsOption = Annotated[
    Path | None,
    typer.Option("--manifest", help="Hold plugins to this manifest's pins.", metavar="FILE"),
]


@plugins.callback()
def _root() -> None:
    """Without a callback Typer would drop the word `plugins` if it had only one command."""


@plugins.command("list")
def list_plugins(
    manifest: PinsOption = None,
    start: Annotated[
        bool,
        typer.Option("--start", help="Start each plugin to ask for its version and transports."),
    ] = False,
    timeout: HandshakeOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Show the plugins that a host would find, and what is wrong with those that cannot run."""
    with guarded(), _starting() if start else nullcontext() as cancellation:
        found = find_plugins(os.environ, _options(manifest, timeout, cancellation), start=start)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        render_plugins.listing(open_console(), found, started=start)


@plugins.command("diagnose")
def diagnose_plugin(
    backend: Annotated[str, typer.Argument(help="The backend: a name, or the path of a plugin.")],
    transport: Annotated[
        str | None,
        typer.Option(help="Start it over this one; over each in turn by default.", metavar="NAME"),
    ] = None,
    manifest: PinsOption = None,
    timeout: HandshakeOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Find out why a plugin does not start: examine its file, then start it.

    Exits with 1 if it does not start.
    """
    with guarded(), _starting() as cancellation:
        found = diagnose(backend, transport, _options(manifest, timeout, cancellation))
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        render_plugins.diagnosis(open_console(), found)
    raise typer.Exit(0 if found.starts else EXIT_ERROR)


@plugins.command()
def pin(
    names: Annotated[
        list[str], typer.Argument(help="Backends: names, or paths of plugins (with a slash).")
    ],
    transport: OnlyFor = None,
) -> None:
    """Print the manifest's plugins block that pins these plugins as they are now.

    On stderr it says what each sum does not cover.
    """
    with guarded():
        files = [file for name in names for file in hash_files(name, _libraries(transport))]
    for file in files:
        typer.echo(clean(f"{file.path}: {coverage(file.left_out)}"), err=True)
    typer.echo(json.dumps({"plugins": plugins_block(files)}, indent=2))


@plugins.command("verify")
def verify_pins(
    manifest: ManifestOption,
    transport: OnlyFor = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the manifest's pins with the files that a host would run, without running them.

    Exits with 1 unless every pin is ok, and with 2 if there is none.
    """
    with guarded():
        pins = load_manifest(manifest).plugins
        if not pins:
            raise UsageError(f"{manifest} pins no plugin; see `transportlab plugins pin`")
        results = verify(pins, _libraries(transport))
    if as_json:
        typer.echo(json.dumps({"pins": [msgspec.to_builtins(result) for result in results]}))
    else:
        for result in results:
            typer.echo(render_plugins.pin(result))
    if any(result.state is not PinState.OK for result in results):
        raise typer.Exit(EXIT_ERROR)


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
