"""transportlab: one backend RPC set over several transports, held to one behaviour and measured."""

import typing

from transportlab import lean

__version__ = "0.1.0"

# Before any other module of the package imports msgspec.
lean.later(
    "typing_extensions",
    get_type_hints=typing.get_type_hints,
    NotRequired=typing.NotRequired,
    Required=typing.Required,
)
