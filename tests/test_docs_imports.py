"""What documents import is public: it is there, and no part of it begins with an underscore."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from transportlab import sdk, store

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"^File `([^`]+)\.py`:$", re.M)

INNER = {"transportlab.store.file"}
"""What is public beside the modules and packages directly in transportlab."""


def imports(document: Path) -> Iterator[tuple[str, str]]:
    """Each import of this project in a document's code: the module and the name taken from it."""
    text = document.read_text()
    own = {path.replace("/", ".").removesuffix(".__init__") for path in FILE.findall(text)}
    for block in BLOCK.findall(text):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                found = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [(node.module or "", alias.name) for alias in node.names]
            else:
                continue
            for module, name in found:
                if module.split(".")[0] in ("transportlab", "transports") and module not in own:
                    yield module, name


IMPORTS = sorted({(path.name, *found) for path in DOCUMENTS for found in imports(path)})


def test_the_documents_show_imports() -> None:
    assert {document for document, _, _ in IMPORTS} >= {
        "writing-a-plugin.md",
        "adding-a-transport.md",
    }


@pytest.mark.parametrize(("document", "module", "name"), IMPORTS)
def test_what_a_document_imports_is_public(document: str, module: str, name: str) -> None:
    assert not any(part.startswith("_") for part in (*module.split("."), name))
    assert module in INNER or len(module.split(".")) == 2, "an inner module"
    found = import_module(module)
    if name:
        assert hasattr(found, name)
        assert name in getattr(found, "__all__", [name])


@pytest.mark.parametrize("package", [store, sdk], ids=lambda package: package.__name__)
def test_what_an_author_builds_on_exports_just_its_public_names(package: ModuleType) -> None:
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(package.__all__)
