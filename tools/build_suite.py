"""Builds the conformance suite as one file: `python -m tools.build_suite [FILE]`, or `make suite`.

The file is an archive (PEP 441) with the suite and every library that it needs, compiled ones too.
So it runs where there is Python and nothing else: no pip, no network, no environment. The price is
that it is for one version of Python on one platform: those of the interpreter that builds it.

Python cannot load a compiled library from an archive, and the suite starts programs by their paths.
So the file unpacks itself into the user's cache, once for each build, and runs from there. Two
builds give the same bytes.
"""

import hashlib
import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath
from sysconfig import get_platform

from packaging.requirements import Requirement

from transportlab import __version__
from transportlab.data import INSTALLED, ROOT

OUT = Path("out/transportlab-conformance.pyz")

EXTRA = "conformance"
"""The extra of pyproject.toml whose libraries the suite needs."""

LEFT_OUT = (
    *("transportlab/evidence/", "transportlab/decision/"),
    *("transportlab/cli/lab/evidence.py", "transportlab/cli/lab/gate.py"),
    *("transportlab/cli/lab/decide.py", "transportlab/cli/lab/render_decision.py"),
    "transports/*/derive.py",
)
"""What of this project the suite does not need."""

SAMPLES = ("manifests", "crontabs")
"""What of spec/ the suite does not read."""

MAIN = '''\
"""transportlab {version}: the conformance suite in one file. It unpacks itself once, and runs."""

import os
import shutil
import sys
import sysconfig
import tempfile
import zipfile

MADE_FOR = ("{tag}", "{platform}")
DIGEST = "{digest}"
SUBJECTS = ("--plugin", "--attach", "--command", "--list", "--help", "-h")
ARCHIVE = os.path.dirname(os.path.abspath(__file__))


def main():
    here = (sys.implementation.cache_tag, sysconfig.get_platform())
    if here != MADE_FOR:
        end("this file is for %s on %s, and this is %s on %s" % (MADE_FOR + here), OTHERWISE)
    words = sys.argv[1:]
    if words[:1] == ["conformance"]:
        words = words[1:]
    if words[:1] == ["--version"]:
        print("transportlab {version}")
        return
    named = [word.partition("=")[0] for word in words]
    if not any(word in named for word in SUBJECTS):
        end("name what to test: --plugin PATH, or: host --command 'COMMAND'", "see --help")
    sys.path[0] = unpacked()
    sys.argv[1:] = ["conformance", *words]
    from transportlab.conformance import report

    report.PROGRAM[:] = ["python3", ARCHIVE]
    from transportlab.__main__ import main as run

    run()


OTHERWISE = (
    "run it with that one, or install the suite: pip install"
    " 'transportlab-{version}-py3-none-any.whl[{extra}]'"
)


def end(problem, advice):
    sys.stderr.write("error: %s\\n  %s\\n" % (problem, advice))
    raise SystemExit(2)


def unpacked():
    """The folder that the archive is unpacked in; a run that is cut off leaves no half of one."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    parent = os.path.join(cache, "transportlab")
    folder = os.path.join(parent, "suite-" + DIGEST)
    if os.path.isdir(folder):
        return folder
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        made = tempfile.mkdtemp(prefix="new-", dir=parent)
    except OSError as error:
        end("%s: %s" % (parent, error.strerror), "set XDG_CACHE_HOME to a folder with room")
    try:
        with zipfile.ZipFile(ARCHIVE) as archive:
            archive.extractall(made)
        os.rename(made, folder)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if not os.path.isdir(folder):  # else another run was faster
            end("%s: %s" % (parent, error.strerror), "make room there")
    return folder


main()
'''


def files() -> dict[str, bytes]:
    """All files of the archive but its main program, by their names in it."""
    found = {}
    for package in ("transportlab", "transports"):
        for path in sorted((ROOT / package).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            wanted = path.is_file() and "__pycache__" not in path.parts
            if wanted and not _left_out(name):
                found[name] = path.read_bytes()
    data = INSTALLED.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "spec").rglob("*")):
        place = path.relative_to(ROOT)
        if path.is_file() and place.parts[1] not in SAMPLES:
            found[f"{data}/{place.as_posix()}"] = path.read_bytes()
    found["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    for library in libraries().values():
        found |= dict(_contents(library))
    return found


def _left_out(name: str) -> bool:
    return any(name.startswith(left) or PurePosixPath(name).match(left) for left in LEFT_OUT)


def libraries(extra: str = EXTRA) -> Mapping[str, metadata.Distribution]:
    """The distributions that the project needs with this extra, and what those need, by name."""
    found: dict[str, metadata.Distribution] = {}
    todo = [Requirement(f"transportlab[{extra}]")]
    seen = set()
    while todo:
        wanted = todo.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        library = metadata.distribution(wanted.name)
        if wanted.name != "transportlab":
            found[wanted.name] = library
        for text in library.requires or ():
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                todo.append(needed)
    return found


def _contents(library: metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """The files of a library that is installed, without programs and what only pip needs."""
    for file in library.files or ():
        metadata_of = file.parts[0].endswith(".dist-info")
        kept = "METADATA" in file.parts or "licen" in str(file).lower()
        if ".." in file.parts or "__pycache__" in file.parts or (metadata_of and not kept):
            continue
        path = Path(str(library.locate_file(file)))
        if path.is_file():  # a library that was built without a wheel names all of its sources
            yield file.as_posix(), path.read_bytes()


def main_text(digest: str, tag: str, platform: str) -> str:
    """The archive's main program."""
    return MAIN.format(version=__version__, tag=tag, platform=platform, digest=digest, extra=EXTRA)


def archive() -> bytes:
    """The file: a first line with the interpreter, then the files, sorted by name."""
    held = files()
    digest = hashlib.sha256()
    for name, data in sorted(held.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    tag = sys.implementation.cache_tag
    main = main_text(digest.hexdigest()[:16], tag, get_platform())
    packed = io.BytesIO()
    packed.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as out:
        for name, data in sorted({**held, "__main__.py": main.encode()}.items()):
            # A ZipInfo has a fixed date, so that the bytes do not depend on the time.
            out.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def build(out: Path) -> None:
    """Write the file."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(archive())
    out.chmod(0o755)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else OUT
    build(target)
    print(f"one file: {target} ({target.stat().st_size / 1e6:.1f} MB)")
