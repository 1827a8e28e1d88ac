"""Mutants as data: the types of spec/conformance/mutants/*.json, and how they are loaded.

A file holds the mutants of one plugin. Each is made by replacing text in the plugin's own source,
so that the fault is one in the plugin's language: the suite need not know it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from transportlab.conformance.vectors import FEATURES, Id, Sentence, Vector
from transportlab.data import SPEC
from transportlab.errors import UsageError
from transportlab.registry import load_transport

MUTANTS = SPEC / "conformance" / "mutants"
"""The project's own mutants."""

WITHOUT = "without.json"
"""In a folder of mutants: the vectors that need find none, with the reason."""

Kind = Literal[
    "handshake",
    "secret",
    "session",
    "framing",
    "codecs",
    "integers",
    "unknown members",
    "duplicate members",
    "limits",
    "errors",
    "ownership",
    "streams",
    "deadline",
    "cancel",
    "log",
    "end",
]
"""What a fault is about."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class Edit(Struct, frozen=True, forbid_unknown_fields=True):
    """In a file of the plugin, put `new` in the place of `old`, which must occur exactly once."""

    file: Annotated[str, Meta(min_length=1)]
    old: Annotated[str, Meta(min_length=1)]
    new: str


class Mutant(Struct, frozen=True, forbid_unknown_fields=True):
    """One fault.

    fault: what its author got wrong.
    finds: by transport, or transport and codec ("http-protobuf"), the vectors that fail. Without a
        codec it is the transport's usual one.
    """

    id: Id
    kind: Kind
    fault: Sentence
    edits: Annotated[tuple[Edit, ...], Meta(min_length=1)]
    finds: Annotated[dict[str, Annotated[tuple[Id, ...], Meta(min_length=1)]], Meta(min_length=1)]


class MutantFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin, how it is built, and its mutants.

    plugin: its name for people.
    folder: its source, by a path from the file's own folder.
    links: files and folders beside or in it that are linked into each copy and not copied.
    needs: programs that the build needs; without them its mutants are not run.
    build: the command, in the folder; empty if there is nothing to build.
    program: what it builds, in the folder.
    config, offers: as for a plugin under test.
    """

    plugin: Annotated[str, Meta(min_length=1)]
    folder: str
    program: str
    mutants: Annotated[tuple[Mutant, ...], Meta(min_length=1)]
    build: str = ""
    needs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    config: dict[str, str] = {}
    offers: tuple[str, ...] = ()


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """Why these vectors need find no mutant."""

    reason: Sentence
    vectors: Annotated[tuple[Id, ...], Meta(min_length=1)]


class WithoutFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file WITHOUT."""

    without: tuple[Reason, ...]


class Suite(Struct, frozen=True):
    """The mutants of one or more plugins.

    without: the reason, by vector; None if nobody claims that every vector finds a mutant.
    """

    plugins: tuple[MutantFile, ...]
    without: Mapping[str, str] | None = None

    def mutants(self) -> Iterator[tuple[MutantFile, Mutant]]:
        """Each mutant with its plugin."""
        for plugin in self.plugins:
            for mutant in plugin.mutants:
                yield plugin, mutant

    def finders(self) -> dict[str, list[str]]:
        """By vector, the mutants that it finds."""
        found: dict[str, list[str]] = {}
        for _, mutant in self.mutants():
            for ids in mutant.finds.values():
                for vector in ids:
                    if mutant.id not in found.setdefault(vector, []):
                        found[vector].append(mutant.id)
        return found


def load_mutants(vectors: Sequence[Vector], path: Path | None = None) -> Suite:
    """The mutants of a file, or of a folder's files; without a path, the project's.

    Raises UsageError, with the file and the place, for a file that does not hold mutants of these
    vectors, and for an id that occurs twice.
    """
    path = MUTANTS if path is None else path
    found = [path] if path.is_file() else sorted(path.glob("*.json"))
    files = [file for file in found if file.name != WITHOUT]
    plugins = [_load_plugin(file) for file in files]
    if not plugins:
        raise UsageError(f"{path}: no mutants there")
    by_id = {vector.id: vector for vector in vectors}
    seen: set[str] = set()
    for file, plugin in zip(files, plugins, strict=True):
        for mutant in plugin.mutants:
            if mutant.id in seen:
                raise UsageError(f'{file}: two mutants have the id "{mutant.id}"')
            seen.add(mutant.id)
            _check(file, mutant, by_id)
    listed = path / WITHOUT
    without = _load_without(listed, by_id) if listed.is_file() else None
    return Suite(tuple(plugins), without)


def parse_arm(name: str) -> tuple[str, str]:
    """The transport and the codec of an arm's name. Raises UsageError."""
    transport, _, codec = name.partition("-")
    codecs = load_transport(transport).traits.codecs
    if codec and codec not in codecs:
        raise UsageError(
            f'transport {transport} has no codec "{codec}"; it has {", ".join(codecs)}'
        )
    return transport, codec or codecs[0]


def required(vectors: Sequence[Vector]) -> tuple[str, ...]:
    """The vectors that no plugin is let off, as they need no feature."""
    return tuple(vector.id for vector in vectors if not vector.needs.features)


def unproven(suite: Suite, vectors: Sequence[Vector]) -> list[str]:
    """What is wrong with the claim that each required vector finds a mutant, or has a reason."""
    if suite.without is None:
        return []
    finders = suite.finders()
    lacking = [v for v in required(vectors) if v not in finders and v not in suite.without]
    problems = [f"{vector}: it finds no mutant, and {WITHOUT} has no reason" for vector in lacking]
    both = [vector for vector in suite.without if vector in finders]
    return problems + [f"{v}: it is in {WITHOUT}, and finds {finders[v][0]}" for v in both]


def _decode(path: Path, form: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not mutants: {error}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _load_plugin(path: Path) -> MutantFile:
    plugin: MutantFile = _decode(path, MutantFile)
    for name in plugin.offers:
        if name not in FEATURES:
            known = ", ".join(FEATURES)
            raise UsageError(f'{path}: unknown feature "{name}"; there are {known}')
    return replace(plugin, folder=str((path.parent / plugin.folder).resolve()))


def _load_without(path: Path, vectors: Mapping[str, Vector]) -> dict[str, str]:
    found: WithoutFile = _decode(path, WithoutFile)
    reasons: dict[str, str] = {}
    for each in found.without:
        for vector in each.vectors:
            if vector not in vectors:
                raise UsageError(f'{path}: unknown vector "{vector}"')
            if vector in reasons:
                raise UsageError(f'{path}: vector "{vector}" stands there twice')
            reasons[vector] = each.reason
    return reasons


def _check(path: Path, mutant: Mutant, vectors: Mapping[str, Vector]) -> None:
    """Check that each vector exists, and can run on the arm that it is named for."""
    for arm, ids in mutant.finds.items():
        try:
            transport, codec = parse_arm(arm)
        except UsageError as error:
            raise UsageError(f"{path}: {mutant.id}: {error}") from error
        for name in ids:
            vector = vectors.get(name)
            if vector is None:
                raise UsageError(f'{path}: {mutant.id}: unknown vector "{name}"')
            own, codecs = vector.transport, vector.needs.codecs
            if own not in ("", transport) or (codecs and codec not in codecs):
                needed = f"{own or transport}-{' or '.join(codecs)}".rstrip("-")
                raise UsageError(
                    f'{path}: {mutant.id}: vector "{name}" does not run on {arm}, but on {needed}'
                )
