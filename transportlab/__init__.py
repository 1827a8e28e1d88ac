"""transportlab: one backend RPC set over several transports, held to one behaviour and measured."""

__version__ = "0.1.0"
