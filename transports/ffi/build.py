"""Builds the shared library of a Python plugin.

    python -m transports.ffi.build --plugin MODULE:ATTR --out cronix-backend-NAME.so
    python -m transports.ffi.build

The second form builds this project's own plugins beside the environment's programs, where a host
finds them. Both need cffi, a C compiler (cc, or what CC names) and Python's headers.

The library has no Python code in it: it imports MODULE where it runs. In a Python host of the same
version that is the host's own environment. In any other host the library starts the interpreter of
the environment that it was built in. For that Python itself has to be a shared library; if it is
not, only a Python host can load the plugin's library.
"""

import argparse
import contextlib
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib import import_module
from pathlib import Path

from transportlab.backend import Plugin
from transportlab.data import SPEC
from transportlab.errors import LabError, UsageError
from transportlab.registry import backend_names

HEADER = SPEC / "plugin" / "backend.h"
SHIM = Path(__file__).parent / "shim.c"

PYTHON_SIDE = """
    extern "Python" const char *python_handshake(void);
    extern "Python" intptr_t python_start(void);
    extern "Python" void python_stop(intptr_t session);
    extern "Python" int32_t python_call(cronix_call *call);
    extern "Python" int32_t python_next(cronix_call *call);
    extern "Python" int32_t python_release(cronix_call *call);
"""

INIT = """
from {name} import ffi
from {module} import {attribute} as plugin
from transports.ffi.plugin import install
install(ffi, plugin)
"""

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CONSTANT = re.compile(r"#define (CRONIX_\w+) \(?(-?\d+)\)?\Z")


class BuildError(LabError):
    """A library could not be built. The message has the compiler's own words."""


class ToolMissing(BuildError):
    """There is no C compiler, there are no headers of Python, or cffi is not installed."""


def build(plugin: str, out: Path) -> bool:
    """Build the library of the plugin at MODULE:ATTR into out; False if it is already there.

    It is there if it was made from the same C, by the same command, for the same Python. The file
    appears whole or not at all, even if several processes build it at once. Raises BuildError, and
    UsageError if there is no such plugin.
    """
    tools = compiler()
    code = _c_code(plugin)
    flags = [*_compile_flags(), *_link_flags()]
    digest = hashlib.sha256("\0".join([code, sys.executable, *tools, *flags]).encode())
    mark = f"cronix-build {digest.hexdigest()}"
    if out.is_file() and mark.encode() in out.read_bytes():
        return False
    macros = {"CRONIX_BUILD_MARK": mark, "CRONIX_PYTHON": sys.executable}
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        source, made = Path(folder, "library.c"), Path(folder, "library.so")
        defines = [f"#define {name} {_c_string(value)}\n" for name, value in macros.items()]
        source.write_text("".join(defines) + code)
        _run([*tools, "-o", str(made), str(source), *flags])
        made.replace(out)
    return True


def compiler() -> list[str]:
    """The C compiler's command. Raises ToolMissing without it or without Python's headers."""
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(command[0]) is None:
        raise ToolMissing(f"no C compiler ({command[0]})")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise ToolMissing("no headers of Python (Python.h)")
    return command


def _c_code(plugin: str) -> str:
    """The header, shim.c and what cffi generates from the declarations, as one C file."""
    try:
        from cffi import FFI
    except ModuleNotFoundError as error:
        raise ToolMissing("no cffi; it comes with: pip install 'transportlab[ffi]'") from error
    module, attribute, name = _named(plugin)
    header, shim = HEADER.read_text(), SHIM.read_text()
    ffi = FFI()
    ffi.cdef(declarations(header) + PYTHON_SIDE)
    ffi.embedding_api("")
    ffi.embedding_init_code(INIT.format(name=name, module=module, attribute=attribute))
    ffi.set_source(name, header + shim)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "code.c")
        with contextlib.redirect_stdout(io.StringIO()):  # cffi reports each file that it writes
            ffi.emit_c_code(str(path))
        return path.read_text()


def declarations(header: str) -> str:
    """A header without what cffi cannot read: comments, C++ and preprocessor lines.

    A #define of a number stays, with that number.
    """
    lines = []
    inside_cplusplus = False
    for line in map(str.rstrip, _COMMENT.sub("", header).splitlines()):
        constant = _CONSTANT.match(line)
        if line.startswith("#"):
            inside_cplusplus = line == "#ifdef __cplusplus"
        if constant is not None:
            lines.append(f"#define {constant[1]} {constant[2]}")
        elif line and not line.startswith("#") and not inside_cplusplus:
            lines.append(line.removeprefix("CRONIX_EXPORT "))
    return "\n".join(lines) + "\n"


def _named(plugin: str) -> tuple[str, str, str]:
    """MODULE, ATTR and the name of cffi's module. Raises UsageError if no Plugin is there."""
    module, _, attribute = plugin.partition(":")
    try:
        found = getattr(import_module(module), attribute, None)
    except (ImportError, ValueError) as error:
        raise UsageError(f"--plugin {plugin}: {error}") from error
    if not attribute.isidentifier() or not isinstance(found, Plugin):
        raise UsageError(f"--plugin {plugin}: not MODULE:ATTR of a transportlab.backend.Plugin")
    return module, attribute, "_cronix_" + re.sub(r"\W", "_", found.name)


def _compile_flags() -> list[str]:
    includes = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    return ["-shared", "-fPIC", "-O2", "-fvisibility=hidden", *(f"-I{i}" for i in sorted(includes))]


def _link_flags() -> list[str]:
    """The linker's flags. nodelete: Python refers to cffi's data, so it is never unloaded."""
    flags = ["-Wl,-z,nodelete", "-pthread", "-ldl"]
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        folder, version = sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("LDVERSION")
        flags += [f"-L{folder}", f"-Wl,-rpath,{folder}", f"-lpython{version}"]
    return flags


def _c_string(text: str) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{command[0]} failed:\n{done.stderr.strip()}")


def own_plugins(folder: Path) -> dict[str, Path]:
    """This project's own plugins as MODULE:ATTR, each with its library's path in the folder."""
    return {
        f"transportlab.backends.{name}:PLUGIN": folder / f"cronix-backend-{name}.so"
        for name in backend_names()
    }


def main(arguments: list[str]) -> int:
    """Run the command that the module describes. Returns 1 if a library could not be built."""
    parser = argparse.ArgumentParser(
        "python -m transports.ffi.build",
        description="Build the library of a plugin, or those of transportlab's own plugins.",
    )
    parser.add_argument("--plugin", metavar="MODULE:ATTR", help="a Plugin; unless given, our own")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="cronix-backend-NAME.so; without --plugin a folder, by default that of the programs",
    )
    parser.add_argument(
        "--optional", action="store_true", help="end with 0 if there is nothing to build with"
    )
    options = parser.parse_args(arguments)
    if options.plugin and not options.out:
        parser.error("--plugin needs --out")
    folder = options.out or Path(sysconfig.get_path("scripts"))
    wanted = {options.plugin: options.out} if options.plugin else own_plugins(folder)
    for plugin, out in wanted.items():
        try:
            made = build(plugin, out)
        except (LabError, OSError) as error:
            accepted = options.optional and isinstance(error, ToolMissing)
            print(f"FFI: not built: {error}", file=sys.stdout if accepted else sys.stderr)
            return 0 if accepted else 1
        print(f"FFI: {'built' if made else 'already there'}: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
