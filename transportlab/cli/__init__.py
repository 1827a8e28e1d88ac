"""The command line: transportlab <operation> --manifest FILE --backend NAME --transport NAME ...

options.py is what the operations have in common, operations.py what each does, render.py what a
person sees of it, process.py and entry.py the process around them.
"""

from transportlab.cli import conformance, evidence, gate, plugins
from transportlab.cli.entry import main
from transportlab.cli.operations import app

__all__ = ["app", "conformance", "evidence", "gate", "main", "plugins"]
