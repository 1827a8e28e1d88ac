"""Finds transports and in-tree backends by name. A folder's name is the name of what is in it.

`transports/<name>/__init__.py` holds TRANSPORT, `transportlab/backends/<name>` holds PLUGIN. Adding
one means adding a folder; nothing here changes.
"""

from importlib import import_module
from types import ModuleType

from transportlab.backend import Plugin
from transportlab.channel import EndpointKind, Transport
from transportlab.codecs import REQUIRES
from transportlab.errors import UsageError


def transport_names(*kinds: EndpointKind) -> list[str]:
    """The names of all transports, sorted; with kinds, only of those with such an endpoint."""
    found = _names("transports")
    return [name for name in found if not kinds or load_transport(name).traits.endpoint in kinds]


def backend_names() -> list[str]:
    """The names of the in-tree backends, sorted."""
    return _names("transportlab.backends")


def load_transport(name: str) -> Transport:
    """The transport of that name. Raises UsageError. Imports none of the libraries it needs."""
    module = _load("transports", name)
    if module is None:
        raise UsageError(f'unknown transport "{name}"; there are {", ".join(transport_names())}')
    transport: Transport = module.TRANSPORT
    return transport


def transport_module(transport: str, name: str) -> ModuleType | None:
    """An optional module in a transport's folder; None if it has none of that name.

    `derive` derives files from the contract for this transport. `build` is a command that builds
    plugins as shared libraries. `floor` makes raw calls for benchmarks. `raw` writes bytes for the
    conformance suite (transportlab/raw.py).
    """
    return _load(f"transports.{transport}", name)


def missing_libraries(transport: Transport, codec: str | None = None) -> list[str]:
    """The libraries that a transport needs, with that codec, and that are not installed here."""
    needed = dict.fromkeys((*transport.traits.requires, *REQUIRES.get(codec or "", ())))
    return [name for name in needed if lacks(name)]


def not_installed(transport: Transport, codec: str | None = None) -> str:
    """Which libraries a transport lacks here, and the command that installs them; empty if none.

    With a codec also those that this codec lacks. The extra in pyproject.toml has the transport's
    name, or the codec's.
    """
    missing = missing_libraries(transport, codec)
    if not missing:
        return ""
    own = set(missing) <= set(transport.traits.requires)
    extras = transport.name if own else f"{transport.name},{codec}"
    return f"not installed: {', '.join(missing)}; pip install 'transportlab[{extras}]'"


def not_built(transport: Transport) -> str:
    """That a plugin of this project's is not built for a transport, and the command that builds it.

    Empty if the transport's plugins need no building.
    """
    if transport_module(transport.name, "build") is None:
        return ""
    return f"not built; `python -m transports.{transport.name}.build` builds it, with a C compiler"


def load_backend(name: str) -> Plugin | None:
    """The in-tree backend of that name, None if there is none."""
    module = _load("transportlab.backends", name)
    if module is None:
        return None
    plugin: Plugin = module.PLUGIN
    return plugin


def lacks(library: str) -> bool:
    """Whether a library, by its import name, is not installed."""
    from importlib.util import find_spec  # no start needs it

    try:
        return find_spec(library) is None
    except ModuleNotFoundError:  # the package that it is part of is missing
        return True


def _names(package: str) -> list[str]:
    """The modules in a package, without those that begin with an underscore."""
    from pkgutil import iter_modules  # no start needs it

    found = iter_modules(import_module(package).__path__)
    return sorted(module.name for module in found if _is_name(module.name))


def _is_name(name: str) -> bool:
    return name.isidentifier() and name.isascii() and name.islower() and not name.startswith("_")


def _load(package: str, name: str) -> ModuleType | None:
    if not _is_name(name):
        return None
    full = f"{package}.{name}"
    try:
        return import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        return None
