"""transportlab: one backend RPC set over several transports, held to one behaviour and measured."""

import os
import typing

from transportlab import lean

__version__ = "0.1.0"

# Before any other module of the package imports msgspec, which brings its own readers of other
# formats, and uuid with platform.
lean.later(
    "typing_extensions",
    get_type_hints=typing.get_type_hints,
    NotRequired=typing.NotRequired,
    Required=typing.Required,
)
lean.later("textwrap")
lean.later("platform", system=lambda: os.uname().sysname)
for _name in ("inspect", "msgpack", "toml", "yaml"):
    lean.later(f"msgspec.{_name}")
