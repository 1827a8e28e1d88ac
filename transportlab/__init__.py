"""transportlab: one backend RPC set over several transports, held to one behaviour and measured."""

from transportlab import lean  # noqa: F401  # before another module imports what it puts off

__version__ = "0.1.0"
