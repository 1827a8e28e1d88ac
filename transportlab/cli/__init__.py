"""The command line: transportlab <operation> --manifest FILE --backend NAME --transport NAME ...

There is one module for each group of commands. options.py holds what the operations have in common,
render.py and render_plugins.py what a person sees, process.py what surrounds a command: its
streams, signals and exit status.
"""

from transportlab.cli import conformance, evidence, gate, plugins
from transportlab.cli.operations import app
from transportlab.cli.process import run

__all__ = ["app", "conformance", "evidence", "gate", "main", "plugins"]


def main() -> None:
    """Run the command that sys.argv names, as this process. Does not return."""
    run(app)
