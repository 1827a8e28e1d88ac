"""Imports run downward only, and nothing above transports/ knows one of them by name."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from transportlab.registry import transport_names

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(p for p in ROOT.glob("transport*/**/*.py") if "_pb" not in p.parts)

# A layer may import itself and those before it. Within transportlab the first match counts.
LAYERS = (
    ("core", "transportlab."),
    ("store", "transportlab.store"),
    ("backends", "transportlab.backends"),
    ("transports", "transports"),
    ("host", "transportlab.host"),
    ("inspection", "transportlab.host.inspection"),
    ("evidence", "transportlab.evidence", "transportlab.conformance"),
    ("decision", "transportlab.decision"),
    # The plugin of pytest is a front of the suite, as the command line is.
    ("cli", "transportlab.cli", "transportlab.__main__", "transportlab.conformance.pytest_plugin"),
    ("top", "bench", "tests", "plugins", "tools"),
)

# The one place of the core that reaches upward, by name and only at run time.
REGISTRY = "transportlab.registry"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def layer(module: str) -> int:
    matches = [
        (len(prefix), number)
        for number, (_, *prefixes) in enumerate(LAYERS)
        for prefix in prefixes
        if (module + ".").startswith(prefix)
    ]
    return max(matches)[1]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {
        name
        for name in found
        if name.split(".")[0] in {"transportlab", "transports", "bench", "tools"}
    }


@pytest.mark.parametrize("path", CODE, ids=module_name)
def test_imports_run_downward(path: Path) -> None:
    upward = {name for name in imports(path) if layer(name) > layer(module_name(path))}
    assert not upward


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {module_name(path): path for path in CODE}
    graph = {
        module: {name if name in modules else name.rpartition(".")[0] for name in imports(path)}
        for module, path in modules.items()
    }
    ordered = list(TopologicalSorter(graph).static_order())  # its CycleError shows the circle
    assert set(modules) <= set(ordered)


@pytest.mark.parametrize("name", transport_names())
def test_a_transport_imports_no_other_and_not_the_host(name: str) -> None:
    for path in ROOT.glob(f"transports/{name}/**/*.py"):
        foreign = {
            found
            for found in imports(path)
            if found.startswith(("transports.", "transportlab.host", "transportlab.cli"))
            and not found.startswith(f"transports.{name}.")
        }
        assert not foreign, path


def test_core_imports_no_wire_library() -> None:
    wire = {"grpc", "google", "jsonrpcserver", "httpx", "cffi", "json"}
    for path in (
        *ROOT.glob("transportlab/*.py"),
        *ROOT.glob("transportlab/store/*.py"),
        *ROOT.glob("transportlab/sdk/*.py"),
    ):
        allowed = {"json"} if path.stem == "quote" else set()  # it imports that where it is used
        tree = ast.parse(path.read_text())
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert {name.split(".")[0] for name in names} & wire == allowed, path


def test_no_transport_is_named_outside_its_folder() -> None:
    # "http" is also the scheme of a job's URL, in the manifest's rules. One transport is the
    # default of an option.
    allowed = {("validators.py", "http"), ("options.py", "jsonrpc")}
    names = set(transport_names())
    named = {
        (path.name, node.value)
        for path in (*ROOT.glob("transportlab/**/*.py"), *ROOT.glob("tools/**/*.py"))
        if "_pb" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    }
    assert named == allowed
