"""The command line: transportlab <operation> --manifest FILE --backend NAME --transport NAME ...

options.py is what the operations have in common, operations.py what each does, render.py what a
person sees of it.
"""

from transportlab.cli import conformance, evidence, gate, inspecting, plugins, reading
from transportlab.cli.operations import app


def main() -> None:
    """The entry point of the installed command."""
    app()


__all__ = ["app", "conformance", "evidence", "gate", "inspecting", "main", "plugins", "reading"]
