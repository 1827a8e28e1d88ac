"""Builds the reference plugins as one file each, whose SHA-256 covers all but Python itself.

    python plugins/build_archives.py [DIRECTORY]

Each is an archive of Python code (PEP 441) that its interpreter runs with -I and -S: nothing comes
in from the environment, from site-packages or from beside the file, so there is only the archive,
the interpreter and its standard library. It speaks HTTP with protobuf and nothing else, as that is
what pure Python can do here (docs/security.md has the reasons). Built twice it is the same
file, byte for byte. DIRECTORY is share/cronix/plugins of this environment, unless it is given; a
host looks there if CRONIX_PLUGIN_DIR says so.
"""

import importlib.metadata
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path

REFERENCE = ("echo", "crontab")

TRANSPORT, CODEC = "http", "protobuf"

MAIN = '''"""The {name} backend in one file; a host starts it."""

import os
import sys

TRANSPORT, CODEC = "{transport}", "{codec}"

wanted = os.environ.get("CRONIX_PLUGIN_TRANSPORT", TRANSPORT)
codec = os.environ.setdefault("CRONIX_PLUGIN_CODEC", CODEC)
if (wanted, codec) != (TRANSPORT, CODEC):
    sys.exit(
        f"cronix-backend-{name} in one file has {{TRANSPORT}} with {{CODEC}} only: use"
        f" --transport {{TRANSPORT}} --codec {{CODEC}} (wanted: {{wanted}} with {{codec}})"
    )

from transportlab.backends.{name} import PLUGIN
from transportlab.sdk import run

run(PLUGIN)
'''

LEFT_OUT = {
    "transportlab": ("cli/", "conformance/", "evidence/", "host/", "manifest/", "codecs/json.py"),
    "transports": tuple(f"{name}/" for name in ("direct", "ffi", "grpc", "jsonrpc")),
    "google/protobuf": ("compiler/", "pyext/", "testdata/", "util/"),
}
"""What a plugin has no use for, or cannot import, by the package that it is in."""


def build(name: str, out: Path) -> bool:
    """Write the archive of a backend to out; False if it is there already."""
    data = archive(name)
    if out.is_file() and out.read_bytes() == data:
        return False
    out.parent.mkdir(parents=True, exist_ok=True)
    made = out.with_name(f".{out.name}.{os.getpid()}")
    made.write_bytes(data)
    made.chmod(0o755)
    made.replace(out)
    return True


def archive(name: str) -> bytes:
    """The bytes of the archive: the interpreter's line, then the files by their names."""
    files = {"__main__.py": MAIN.format(name=name, transport=TRANSPORT, codec=CODEC).encode()}
    for package in LEFT_OUT:
        files |= dict(contents(package))
    files["google/__init__.py"] = b""  # an archive gives no part of a namespace package by itself
    files["LICENSES"] = licenses()
    packed = io.BytesIO()
    packed.write(f"#!{os.path.realpath(sys.executable)} -IS\n".encode())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as out:
        for file, data in sorted(files.items()):
            out.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)  # of 1980-01-01
    return packed.getvalue()


def contents(package: str) -> Iterator[tuple[str, bytes]]:
    """The Python files of a package by their names in the archive."""
    spec = find_spec(package.replace("/", "."))
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package, name=package)
    [root] = map(Path, spec.submodule_search_locations)
    for path in root.rglob("*.py"):
        inside = path.relative_to(root).as_posix()
        if not inside.startswith(LEFT_OUT[package]):
            yield f"{package}/{inside}", path.read_bytes()


def licenses() -> bytes:
    """The terms of what is in the archive and not of this project."""
    found = importlib.metadata.files("protobuf") or ()
    texts = [file.read_text() for file in found if "LICENSE" in file.name]
    return "\n".join(["google/protobuf", *texts]).encode()


def main(arguments: list[str]) -> int:
    """Build what is missing or not current."""
    folder = Path(arguments[0] if arguments else Path(get_path("data"), "share/cronix/plugins"))
    for name in REFERENCE:
        out = folder / f"cronix-backend-{name}"
        print(f"one file: {'built' if build(name, out) else 'already there'}: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
