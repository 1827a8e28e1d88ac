"""`transportlab transports`: what each transport can and cannot do."""

import msgspec

from transportlab.cli import render
from transportlab.cli.options import JSON
from transportlab.cli.out import open_out
from transportlab.cli.parser import command
from transportlab.codecs import load_codec
from transportlab.registry import load_transport, missing_libraries, transport_names

WIDTH = 160
"""Columns of the table in a file or a pipe: a document's reader has them."""


@command(JSON)
def transports(*, as_json: bool) -> None:
    """Show the transports and what each can and cannot do."""
    rows = []
    for name in transport_names():
        transport = load_transport(name)
        missing = missing_libraries(transport)
        for codec in transport.traits.codecs:
            others = set(missing_libraries(transport, codec)) - set(missing)
            missing += [f"{library} (for {codec})" for library in sorted(others)]
        rows.append({"name": name, **msgspec.to_builtins(transport.traits), "missing": missing})
    if as_json:
        print(load_codec("json").encode({"transports": rows}).decode())
    else:
        render.transports(open_out(width=WIDTH), rows)
