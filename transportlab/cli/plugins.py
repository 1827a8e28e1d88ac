"""The commands about plugins themselves: transportlab plugins <command>."""

import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from transportlab.channel import EndpointKind
from transportlab.cli.guard import guarded
from transportlab.cli.operations import app
from transportlab.cli.options import EXIT_ERROR
from transportlab.errors import UsageError
from transportlab.host.inspection.pinning import BOTH, PinState, Verified, block, sums, verify
from transportlab.host.inspection.sums import in_words
from transportlab.manifest import load_manifest
from transportlab.quote import clean
from transportlab.registry import load_transport

plugins = typer.Typer(no_args_is_help=True, help="Look at plugins, and pin and verify their sums.")
app.add_typer(plugins, name="plugins")

OnlyFor = Annotated[
    str | None,
    typer.Option(
        "--transport",
        help="Only the file that this one uses: a program, or a library; both unless given.",
        metavar="NAME",
    ),
]


@plugins.callback()
def _root() -> None:
    """With this there may be one command or several, called in the same way."""


@plugins.command()
def pin(
    names: Annotated[
        list[str], typer.Argument(help="Backends by name, or by a path with a slash.")
    ],
    transport: OnlyFor = None,
) -> None:
    """Print the manifest's plugins block that pins these plugins as they are now.

    What a sum leaves out is said on stderr.
    """
    with guarded():
        files = [file for name in names for file in sums(name, _libraries(transport))]
    for file in files:
        typer.echo(clean(f"{file.path}: {in_words(file.left_out)}"), err=True)
    typer.echo(json.dumps({"plugins": block(files)}, indent=2))


@plugins.command("verify")
def verify_pins(
    manifest: Annotated[Path, typer.Option(help="The manifest, a JSON file.", metavar="FILE")],
    transport: OnlyFor = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the manifest's pins with the files that a host would run; run nothing.

    Exits with 1 unless each pin is ok, and if there is none.
    """
    with guarded():
        pins = load_manifest(manifest).plugins
        if not pins:
            raise UsageError(f"{manifest} pins no plugin; see `transportlab plugins pin`")
        results = verify(pins, _libraries(transport))
    if as_json:
        typer.echo(json.dumps({"pins": [asdict(result) for result in results]}))
    else:
        for result in results:
            typer.echo(clean(_line(result)))
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


def _line(result: Verified) -> str:
    head = f"{result.state.value:8}  {result.name}"
    if result.file is None:
        return f"{head}  {result.problem}"
    return f"{head}  {result.file.path}  {result.file.sha256}  {in_words(result.file.left_out)}"
