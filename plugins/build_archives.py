"""Builds each reference plugin as one file, whose SHA-256 covers all of it but Python itself.

    python plugins/build_archives.py [DIRECTORY]

The file is an archive of Python code (PEP 441). Its first line runs the interpreter with -I and -S,
so that nothing is imported from the environment, from site-packages or from beside the file: only
the archive and the standard library are left. It speaks one transport with one codec, the pair that
needs least (docs/security.md has the reasons). Two builds give the same bytes.

msgspec is a compiled library. Python cannot load one from an archive, so the program writes it to a
file in memory and loads it from there.

Without DIRECTORY the files go to share/cronix/plugins of this environment. A host finds them there
if CRONIX_PLUGIN_DIR names it.
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

from transportlab.registry import transport_names

REFERENCE = ("echo", "crontab")

TRANSPORT, CODEC = "http", "protobuf"

MAIN = '''"""The {name} backend in one file; a host starts it."""

import os
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec

TRANSPORT, CODEC = "{transport}", "{codec}"

wanted = os.environ.get("CRONIX_PLUGIN_TRANSPORT", TRANSPORT)
codec = os.environ.setdefault("CRONIX_PLUGIN_CODEC", CODEC)
if (wanted, codec) != (TRANSPORT, CODEC):
    sys.exit(
        f"cronix-backend-{name} in one file has {{TRANSPORT}} with {{CODEC}} only: use"
        f" --transport {{TRANSPORT}} --codec {{CODEC}} (wanted: {{wanted}} with {{codec}})"
    )



class InMemory:
    """Finds the one compiled module, and has it loaded from a file in memory."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "{extension}":
            return None
        file = os.memfd_create(name)
        place = f"/proc/self/fd/{{file}}"
        with open(place, "wb") as out:
            out.write(__loader__.get_data("{inside}"))
        return ModuleSpec(name, ExtensionFileLoader(name, place), origin=place)


sys.meta_path.append(InMemory)

from transportlab.backends.{name} import PLUGIN
from transportlab.sdk import run

run(PLUGIN)
'''

EXTENSION, INSIDE = "msgspec._core", "msgspec/_core.so"
"""The compiled module, and its name in the archive."""

NOT_SERVED = ("client", "derive", "floor", "raw", "scripted")
"""The modules of a transport that a plugin does not import."""

LEFT_OUT = {
    "transportlab": (
        *("cli/", "conformance/", "decision/", "evidence/", "host/", "manifest/"),
        *("__main__.py", "data.py", "floor.py", "raw.py", "remote.py", "sdk/library_worker.py"),
        *("codecs/_int32.py", "codecs/json.py", "codecs/schema.py"),
    ),
    "transports": (
        *(f"{name}/" for name in transport_names() if name != TRANSPORT),
        *(f"{TRANSPORT}/{module}.py" for module in NOT_SERVED),
    ),
    "google/protobuf": ("compiler/", "pyext/", "testdata/", "util/"),
    "msgspec": (),
}
"""What an archive leaves out, by package: what only a host needs, and what it cannot import."""


def build(name: str, out: Path) -> bool:
    """Write a backend's archive to out. Returns False if out is that archive already."""
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
    """A backend's archive: the line with the interpreter, then the files, sorted by name."""
    main = MAIN.format(
        name=name, transport=TRANSPORT, codec=CODEC, extension=EXTENSION, inside=INSIDE
    )
    files = {"__main__.py": main.encode()}
    for package in LEFT_OUT:
        files |= dict(contents(package))
    files["google/__init__.py"] = b""  # zipimport overlooks a folder without one
    files[INSIDE] = compiled(EXTENSION)
    files["LICENSES"] = licenses()
    packed = io.BytesIO()
    packed.write(f"#!{os.path.realpath(sys.executable)} -IS\n".encode())
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as out:
        for file, data in sorted(files.items()):
            # A ZipInfo has a fixed date, so that the bytes do not depend on the time.
            out.writestr(zipfile.ZipInfo(file), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def contents(package: str) -> Iterator[tuple[str, bytes]]:
    """The Python files of a package that are not left out, by their names in the archive."""
    spec = find_spec(package.replace("/", "."))
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package, name=package)
    [root] = map(Path, spec.submodule_search_locations)
    for path in root.rglob("*.py"):
        inside = path.relative_to(root).as_posix()
        if not inside.startswith(LEFT_OUT[package]):
            yield f"{package}/{inside}", path.read_bytes()


def compiled(name: str) -> bytes:
    """The file of a compiled module."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name, name=name)
    return Path(spec.origin).read_bytes()


def licenses() -> bytes:
    """The licenses of the code in the archive that is not this project's."""
    texts = []
    for name in ("protobuf", "msgspec"):
        files = importlib.metadata.files(name) or ()
        texts += [name, *(file.read_text() for file in files if "LICENSE" in file.name)]
    return "\n".join(texts).encode()


def main(arguments: list[str]) -> int:
    """Build each archive that is missing or not current, and print a line for each."""
    folder = Path(arguments[0] if arguments else Path(get_path("data"), "share/cronix/plugins"))
    for name in REFERENCE:
        out = folder / f"cronix-backend-{name}"
        print(f"one file: {'built' if build(name, out) else 'already there'}: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
