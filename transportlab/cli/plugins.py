"""The commands about plugins themselves: transportlab plugins <command>."""

import typer

from transportlab.cli.operations import app

plugins = typer.Typer(no_args_is_help=True, help="Look at plugins, and pin and verify their sums.")
app.add_typer(plugins, name="plugins")


@plugins.callback()
def _root() -> None:
    """With this there may be one command or several, called in the same way."""
