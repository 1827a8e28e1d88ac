"""Keeps parts of libraries from being loaded at a start that does not use them.

A library's front may import much that only some of its users need. grpc imports asyncio for its
asynchronous API; jsonrpcserver imports a validator and an HTTP server for functions that are not
called here. In a process that starts, answers a few calls and ends, these imports are most of the
time. later() puts a stand-in into sys.modules: a module that imports the real one when something of
it is first asked for. Whoever uses the module gets the real one, at that moment instead of before.

All imports that are arranged in this way are these:

    typing_extensions   msgspec, grpc and oslash use a few names that typing has too
    platform            uuid, which msgspec imports, asks it for the system's name
    msgspec.inspect ... for what msgspec does besides JSON: inspect, msgpack, toml, yaml
    asyncio, grpc.aio   only grpc's asynchronous API needs them
    jsonrpcserver       the package's front; only its dispatcher is used
    oslash              the front of a library of which the dispatcher uses one module

With TRANSPORTLAB_IMPORTS=stock in the environment all imports are as the libraries make them. That
is the control for measurements. A host passes it to plugins if CRONIX_PLUGIN_ENV names it.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

STOCK = os.environ.get("TRANSPORTLAB_IMPORTS") == "stock"


class _Later(ModuleType):
    """Stands for a module until an attribute is asked for that the stand-in does not have."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if name == "__path__" and spec and not spec.submodule_search_locations:
            raise AttributeError(name)  # each import asks whether the module is a package
        # The real import has the interpreter's own locks, so threads may come here together.
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        for known, value in vars(self).items():
            if isinstance(value, ModuleType):  # a submodule that was imported without its package
                vars(real).setdefault(known, value)
        return getattr(real, name)


def later(name: str, *, front: bool = False, **known: object) -> None:
    """Have a module imported when it is used, and not before.

    front: the module is a package, and its submodules can be imported without it. known: attributes
    for which the module need not be imported; a second call may add some. A module that is there
    already, or that is not installed, is left alone.
    """
    if isinstance(there := sys.modules.get(name), _Later):
        vars(there).update(known)
    if STOCK or name in sys.modules:
        return
    spec = _find(name)
    if spec is None:
        return
    module = _Later(name)
    module.__spec__ = spec
    vars(module).update(known)
    if front:
        module.__path__ = spec.submodule_search_locations or []
    sys.modules[name] = module


def _find(name: str) -> ModuleSpec | None:
    """Where the module is. Unlike importlib.util.find_spec() this imports no package around it."""
    package, _, _ = name.rpartition(".")
    if not package:
        return PathFinder.find_spec(name)
    around = _find(package)
    return around and PathFinder.find_spec(name, around.submodule_search_locations)
