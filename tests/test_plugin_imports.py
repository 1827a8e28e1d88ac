"""A plugin process imports only what its transport needs, read from sys.modules inside it."""

import sys
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend
from transportlab.host.discovery import find
from transportlab.registry import load_transport, transport_names

# What each wire library brings; everything that a transport or a codec does not name is foreign.
WIRE = {
    "grpc",
    "google.protobuf",
    "jsonrpcserver",
    "httpx",
    "cffi",
    "http.server",
    "h11",
}
HOST_ONLY = {
    "rich",
    "cronsim",
    "transportlab.host",
    "transportlab.manifest.document",
    "zoneinfo",
}
CODEC: dict[str, set[str]] = {"protobuf": {"google.protobuf"}, "json": set()}
HEAVY = {"asyncio", "dataclasses", "jsonschema", "typing_extensions"}
"""What libraries import for parts that no plugin uses (transportlab/lean.py)."""

WRAPPER = """#!{python}
import atexit, sys
before = set(sys.modules)  # coverage, if it runs, has brought some
def tell():
    with open({out!r}, "w") as file:
        new = sys.modules.keys() - before
        real = [name for name in new if type(sys.modules[name]).__name__ != "_Later"]
        file.write("\\n".join(real))
atexit.register(tell)
exec(compile(open({plugin!r}).read(), {plugin!r}, "exec"))
"""

CASES = [
    (name, codec)
    for name in transport_names(EndpointKind.SOCKET, EndpointKind.STDIO)
    for codec in load_transport(name).traits.codecs
]


def modules(transport: str, codec: str, backend: str, folder: Path) -> set[str]:
    """Names in sys.modules of a plugin process at its end, after a session with a call."""
    out, path = folder / "modules", folder / f"cronix-backend-{backend}"
    plugin = str(find(backend, library=False).path)
    path.write_text(WRAPPER.format(python=sys.executable, out=str(out), plugin=plugin))
    path.chmod(0o755)
    config = {"path": str(folder / "crontab")} if backend == "crontab" else {}
    with open_backend(str(path), transport, HostOptions(codec=codec, config=config)) as session:
        session.backend.read(model.ReadRequest(), Context())
    return set(out.read_text().split())


@pytest.mark.parametrize(("transport_name", "codec_name"), CASES)
@pytest.mark.parametrize("backend", ["echo", "crontab"])
def test_a_plugin_imports_only_what_its_transport_needs(
    transport_name: str, codec_name: str, backend: str, tmp_path: Path
) -> None:
    found = modules(transport_name, codec_name, backend, tmp_path)
    assert f"transports.{transport_name}.server" in found
    assert CODEC[codec_name] <= found
    assert not found & HOST_ONLY
    others = {name for name in transport_names() if name != transport_name}
    assert not {
        name for name in found if name.split(".")[:2] in [["transports", o] for o in others]
    }
    assert not found & foreign(transport_name, codec_name), "imported without need"
    assert found & HEAVY == set()
    assert f"transports.{transport_name}.derive" not in found


def foreign(transport: str, codec: str) -> set[str]:
    """Wire libraries that the plugin's side of a transport with a codec does not need."""
    needed = set(load_transport(transport).traits.requires) - {
        name for names in CODEC.values() for name in names
    }
    if "httpx" in needed:
        # The client's library; the plugin's side is the standard library's server.
        needed = needed - {"httpx"} | {"http.server"}
    if codec == "json":
        needed |= {"json"}
    return WIRE - needed - CODEC[codec]
