"""Keeps parts of libraries from being loaded at a start that does not use them.

A library's front may import much that only some of its users need. grpc imports asyncio for its
asynchronous API; jsonrpcserver imports a validator and an HTTP server for functions that are not
called here. In a process that starts, answers a few calls and ends, these imports are most of the
time. later() puts a stand-in into sys.modules: a module that imports the real one when something of
it is first asked for. Whoever uses the module gets the real one, at that moment instead of before.

What every process puts off stands at the end of this module. A transport puts off what its own
library brings, in the transport's folder.

With TRANSPORTLAB_IMPORTS=stock in the environment all imports are as the libraries make them. That
is the control for measurements. A host passes it to plugins if CRONIX_PLUGIN_ENV names it.
"""

import os
import sys
import typing
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

STOCK = os.environ.get("TRANSPORTLAB_IMPORTS") == "stock"


class _Later(ModuleType):
    """Stands for a module until an attribute is asked for that the stand-in does not have.

    From then on whatever is read or set is the real module's.
    """

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if name == "__path__" and spec and not spec.submodule_search_locations:
            raise AttributeError(name)  # each import asks whether the module is a package
        return getattr(_real(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        if isinstance(value, ModuleType):  # a submodule, which the import system enters here
            super().__setattr__(name, value)
        else:
            setattr(_real(self), name, value)

    def __dir__(self) -> list[str]:
        return dir(_real(self))


def _real(stand_in: _Later) -> ModuleType:
    """The module itself. It is imported at the first time."""
    own = vars(stand_in)
    real = own.get("_module")
    if real is None:
        # This import has the interpreter's own locks, so threads may come here together.
        if sys.modules.get(stand_in.__name__) is stand_in:
            del sys.modules[stand_in.__name__]
        real = import_module(stand_in.__name__)
        parts = {name: value for name, value in own.items() if isinstance(value, ModuleType)}
        vars(real).update({name: vars(real).get(name, part) for name, part in parts.items()})
        for name in own.keys() - _KEPT:
            own.pop(name, None)
        own["_module"] = real
    return real


_KEPT = {"__name__", "__spec__"}


def later(name: str, *, front: bool = False, **known: object) -> None:
    """Have a module imported when it is used, and not before.

    front: the module is a package, and its submodules can be imported without it. known: attributes
    for which the module need not be imported; a second call may add some. A module that is there
    already, or that is not installed, is left alone. The package of a submodule is either there
    already, or imports the submodule itself.
    """
    if isinstance(there := sys.modules.get(name), _Later):
        vars(there).update(known)
    if STOCK or name in sys.modules:
        return
    spec = _find(name)
    if spec is None:
        return
    module = _Later(name)
    # Those who look through sys.modules ask each module for these, and need not load it.
    facts = {"__file__": spec.origin, "__loader__": spec.loader, "__package__": spec.parent}
    vars(module).update(known, __spec__=spec, **facts)
    if front:
        vars(module)["__path__"] = spec.submodule_search_locations
    sys.modules[name] = module
    package, _, part = name.rpartition(".")
    around = sys.modules.get(package)
    if around is not None:
        setattr(around, part, module)


def never(name: str) -> None:
    """Have an import of the module fail, where the library that tries it does without it then."""
    if not STOCK:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what the import system asks


def _find(name: str) -> ModuleSpec | None:
    """Where the module is. Unlike importlib.util.find_spec() this imports no package around it."""
    package, _, _ = name.rpartition(".")
    if not package:
        return PathFinder.find_spec(name)
    around = _find(package)
    return around and PathFinder.find_spec(name, around.submodule_search_locations)


for _name in (
    *("ipaddress", "json", "locale", "shlex", "shutil", "socket", "sysconfig", "textwrap"),
    # What msgspec does besides JSON.
    *(f"msgspec.{part}" for part in ("inspect", "msgpack", "toml", "yaml")),
):
    later(_name)

# msgspec imports uuid, which asks for the system's name.
later("platform", system=lambda: os.uname().sysname)

# msgspec would take these from typing where typing_extensions is not installed.
later(
    "typing_extensions",
    get_type_hints=typing.get_type_hints,
    NotRequired=typing.NotRequired,
    Required=typing.Required,
)
