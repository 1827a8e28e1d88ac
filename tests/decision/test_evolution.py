"""Old and new messages against each other: the table behind the criterion `evolution`.

The old form is the contract's and is read and written by the lab's codecs. The new form has one
change. For protobuf it is a changed copy of backend.proto; for JSON, a changed struct.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from transportlab.codecs import DecodeError, load_codec
from transportlab.codecs._pb import backend_pb2
from transportlab.decision.criteria import FromParts, load_decision
from transportlab.errors import RpcError
from transportlab.model import Concurrency, Entry, Policy

TEXT, BYTES = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_BYTES
INT64, MANY = FieldDescriptorProto.TYPE_INT64, FieldDescriptorProto.LABEL_REPEATED

TOLD = (DecodeError, RpcError, msgspec.MsgspecError)


class Change(msgspec.Struct, frozen=True):
    """One change.

    fields: what changes in the descriptor of a field, by its old name; a new one if there is none.
    kinds: the types of the new struct's members that differ. new, old: what each side sends.
    old_reads, new_reads: what the other side has to have then, if it is to have understood.
    word: a new word of the message's enum.
    """

    fields: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, type]
    new: Mapping[str, Any]
    old_reads: Mapping[str, Any]
    old: Mapping[str, Any]
    new_reads: Mapping[str, Any]
    word: str = ""
    message: type = Entry


PLACE = {"location": "line 3"}

CHANGES = {
    "a member is added": Change(
        {"note": {"number": 8, "type": TEXT}}, {"note": str},
        {"note": "new", **PLACE}, PLACE, PLACE, {"note": "", **PLACE},
    ),
    "a member is renamed": Change(
        {"location": {"name": "place"}}, {"place": str},
        {"place": "line 3"}, PLACE, PLACE, {"place": "line 3"},
    ),
    "a member gets another number": Change(
        {"location": {"number": 8}}, {"location": str}, PLACE, PLACE, PLACE, PLACE,
    ),
    "a word is added to an enum": Change(
        {}, {"concurrency": str}, {"concurrency": "Queue"}, {"concurrency": "Queue"},
        {"concurrency": Concurrency.FORBID}, {"concurrency": "Forbid"}, "CONCURRENCY_QUEUE", Policy,
    ),
    "a text becomes bytes": Change(
        {"hash": {"type": BYTES}}, {"hash": bytes},
        {"hash": b"21c1"}, {"hash": "21c1"}, {"hash": "21c1"}, {"hash": b"21c1"},
    ),
    "an integer becomes wider": Change(
        {"index": {"type": INT64}}, {"index": int},
        {"index": 1 << 40}, {"index": 1 << 40}, {"index": 3}, {"index": 3},
    ),
    "a number becomes a text": Change(
        {"index": {"type": TEXT}}, {"index": str},
        {"index": "3"}, {"index": 3}, {"index": 3}, {"index": "3"},
    ),
    "one value becomes a list": Change(
        {"location": {"label": MANY}}, {"location": list[str]},
        {"location": ["line 3", "line 4"]}, {"location": ["line 3", "line 4"]},
        PLACE, {"location": ["line 3"]},
    ),
}  # fmt: skip

WORDS = {"Forbid": 2, "Queue": 4}


def new_protobuf(change: Change) -> Any:
    """The class of the new message."""
    file = FileDescriptorProto()
    backend_pb2.DESCRIPTOR.CopyToProto(file)
    message = next(m for m in file.message_type if m.name == change.message.__name__)
    for name, changes in change.fields.items():
        field = _field(message, name)
        for member, value in changes.items():
            setattr(field, member, value)
    if change.word:
        enum = next(e for e in file.enum_type if change.word.startswith(e.name.upper()))
        enum.value.add(name=change.word, number=WORDS["Queue"])
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{message.name}"))


def _field(message: DescriptorProto, name: str) -> FieldDescriptorProto:
    for field in message.field:
        if field.name == name:
            return field
    return message.field.add(name=name, label=FieldDescriptorProto.LABEL_OPTIONAL)


def new_struct(change: Change) -> Any:
    """The class of the new struct."""
    renamed = {name for name, to in change.fields.items() if "name" in to}
    kept = {
        name: kind
        for name, kind in change.message.__annotations__.items()
        if name not in renamed and name not in change.kinds
    }
    fields = [(name, kind, kind()) for name, kind in change.kinds.items()]
    fields += [(name, kind, getattr(change.message(), name)) for name, kind in kept.items()]
    return msgspec.defstruct(change.message.__name__, fields)


def outcomes(change: Change, codec: str) -> list[str]:
    """How the old peer takes the new message, and the new peer the old one."""
    lab = load_codec(codec)
    if codec == "protobuf":
        kind = new_protobuf(change)
        numbers = {n: WORDS.get(v, v) if change.word else v for n, v in change.new.items()}
        written, read = kind(**numbers).SerializeToString(), kind.FromString
        wanted = {n: WORDS.get(v, v) if change.word else v for n, v in change.new_reads.items()}
    else:
        kind = new_struct(change)
        written, wanted = lab.encode(kind(**change.new)), dict(change.new_reads)

        def read(data: bytes) -> Any:
            return lab.decode(kind, data)

    old = lab.encode(change.message(**change.old))
    return [
        outcome(lambda: lab.decode(change.message, written), change.old_reads),
        outcome(lambda: read(old), wanted),
    ]


def outcome(read: Any, wanted: Mapping[str, Any]) -> str:
    try:
        message = read()
    except TOLD:
        return "told"
    found = {name: getattr(message, name) for name in wanted}
    found = {n: list(v) if isinstance(wanted[n], list) else v for n, v in found.items()}
    return "understood" if found == dict(wanted) else "lost"


def parts(codec: str) -> Mapping[str, bool]:
    """What the criterion says of a codec."""
    criterion = next(c for c in load_decision().criteria if c.id == "evolution")
    options = {option.id: option for option in load_decision().options}
    [figure] = [
        figure
        for figure in criterion.figures
        if isinstance(figure, FromParts) and {options[o].codec for o in figure.options} == {codec}
    ]
    return figure.parts


@pytest.mark.parametrize("codec", ["json", "protobuf"])
def test_the_criterion_has_every_change(codec: str) -> None:
    assert list(parts(codec)) == list(CHANGES)


@pytest.mark.parametrize("codec", ["json", "protobuf"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_understood_or_told_as_the_criterion_says(change: str, codec: str) -> None:
    found = outcomes(CHANGES[change], codec)
    assert ("lost" not in found) == parts(codec)[change], found


def test_how_each_codec_takes_each_change() -> None:
    both = ["understood", "understood"]
    assert {change: outcomes(CHANGES[change], "protobuf") for change in CHANGES} == {
        "a member is added": both,
        "a member is renamed": both,
        "a member gets another number": ["lost", "lost"],
        "a word is added to an enum": ["told", "understood"],
        "a text becomes bytes": both,
        "an integer becomes wider": ["lost", "understood"],
        "a number becomes a text": ["lost", "lost"],
        "one value becomes a list": ["lost", "understood"],
    }
    assert {change: outcomes(CHANGES[change], "json") for change in CHANGES} == {
        "a member is added": both,
        "a member is renamed": ["lost", "lost"],
        "a member gets another number": both,
        "a word is added to an enum": ["told", "understood"],
        "a text becomes bytes": ["lost", "lost"],
        "an integer becomes wider": ["told", "understood"],
        "a number becomes a text": ["told", "told"],
        "one value becomes a list": ["told", "told"],
    }
