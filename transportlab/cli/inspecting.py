"""`transportlab plugins list` and `transportlab plugins diagnose`: looking at plugins."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from transportlab.cli import render_plugins
from transportlab.cli.guard import guarded
from transportlab.cli.interrupts import interrupts
from transportlab.cli.options import (
    EXIT_ERROR,
    HandshakeOption,
    JsonOption,
)
from transportlab.cli.plugins import plugins
from transportlab.cli.stdout import NOT_A_TERMINAL_WIDTH
from transportlab.context import Cancellation
from transportlab.errors import RpcError
from transportlab.host.inspection.diagnose import diagnose
from transportlab.host.inspection.listing import survey
from transportlab.host.options import HostOptions
from transportlab.manifest import load_manifest

PinsOption = Annotated[
    Path | None,
    typer.Option("--manifest", help="A manifest whose pins are to hold.", metavar="FILE"),
]


@plugins.command("list")
def list_plugins(
    manifest: PinsOption = None,
    start: Annotated[
        bool,
        typer.Option("--start", help="Start each plugin, for its version and its transports."),
    ] = False,
    timeout: HandshakeOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Show the plugins that a host would find, and what is wrong with those it cannot run."""
    with guarded(), _starting() if start else nullcontext() as cancellation:
        found = survey(os.environ, _options(manifest, timeout, cancellation), start=start)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        render_plugins.listing(_console(), found, started=start)


@plugins.command("diagnose")
def diagnose_plugin(
    backend: Annotated[str, typer.Argument(help="A path with a slash, or a name.")],
    transport: Annotated[
        str | None,
        typer.Option(
            help="Start it over this one; over each in turn unless given.", metavar="NAME"
        ),
    ] = None,
    manifest: PinsOption = None,
    timeout: HandshakeOption = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Find out why a plugin does not start: look at its file, and start it.

    Exits with 1 if it does not start.
    """
    with guarded(), _starting() as cancellation:
        found = diagnose(backend, transport, _options(manifest, timeout, cancellation))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        render_plugins.diagnosis(_console(), found)
    raise typer.Exit(0 if found.starts else EXIT_ERROR)


def _options(
    manifest: Path | None, handshake: float, cancellation: Cancellation | None
) -> HostOptions:
    pins = {} if manifest is None else load_manifest(manifest).plugins
    return HostOptions(pins=pins, handshake=handshake, cancellation=cancellation)


@contextmanager
def _starting() -> Iterator[Cancellation]:
    """What a signal throws while plugins are started; it ends the command once they are stopped."""
    try:
        with interrupts.cancelling() as cancellation:
            yield cancellation
    except RpcError:
        if not interrupts.number:
            raise
    if interrupts.number:
        raise KeyboardInterrupt


def _console() -> Console:
    terminal = sys.stdout.isatty()
    width = None if terminal else NOT_A_TERMINAL_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)
