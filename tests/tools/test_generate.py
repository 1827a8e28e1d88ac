"""The model, backend.proto and METHODS say the same thing, and what is stale is written.

Whether derived files are current is one of the checks (`make check`), and takes a while.
"""

from enum import EnumMeta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.descriptor import FieldDescriptor
from msgspec.structs import fields

from tools.generate import ROOT
from tools.generate.__main__ import update
from tools.generate.protobuf import proto_prefix
from transportlab import model
from transportlab.backend import Backend
from transportlab.codecs._pb import backend_pb2
from transportlab.codecs.schema import enums, is_message, messages
from transportlab.methods import METHODS, SERVICE
from transportlab.registry import transport_module, transport_names

SCALARS = {
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_INT32: int,
    FieldDescriptor.TYPE_BOOL: bool,
}


def shape(field: Any) -> tuple[Any, str]:
    """A proto field as its element type and its shape, in the words of the model."""
    if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        return SCALARS[value.type], "map"
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        element: Any = getattr(model, field.message_type.name)
    elif field.type == FieldDescriptor.TYPE_ENUM:
        element = getattr(model, field.enum_type.name)
    else:
        element = SCALARS[field.type]
    if field.is_repeated:
        return element, "repeated"
    return element, "optional" if _optional(field) else "plain"


def _optional(field: Any) -> bool:
    return any(oneof.name == f"_{field.name}" for oneof in field.containing_type.oneofs)


def hint_shape(hint: Any) -> tuple[Any, str]:
    """A struct field's hint as its element type and its shape."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return args[0], "repeated"
    if origin is UnionType or NoneType in args:
        return next(a for a in args if a is not NoneType), "optional"
    return (args[1], "map") if args else (hint, "plain")


@pytest.mark.parametrize("kind", messages(), ids=lambda kind: kind.__name__)
def test_struct_and_proto_agree_field_by_field(kind: type) -> None:
    descriptor = backend_pb2.DESCRIPTOR.message_types_by_name[kind.__name__]
    proto = {field.name: shape(field) for field in descriptor.fields}
    hints = {name: hint_shape(hint) for name, hint in get_type_hints(kind).items()}
    # Presence of a submessage is part of protobuf itself, so `optional` may be left out there.
    for name, (element, form) in hints.items():
        if form == "optional" and is_message(element):
            hints[name] = (element, "plain")
    assert list(proto.items()) == list(hints.items())


def test_every_proto_message_has_its_struct() -> None:
    assert set(backend_pb2.DESCRIPTOR.message_types_by_name) == {k.__name__ for k in messages()}


@pytest.mark.parametrize("enum", enums(), ids=lambda enum: enum.__name__)
def test_enum_and_proto_have_the_same_members(enum: EnumMeta) -> None:
    descriptor = backend_pb2.DESCRIPTOR.enum_types_by_name[enum.__name__]
    names = [value.name for value in descriptor.values]
    assert names[0] == f"{proto_prefix(enum)}UNSPECIFIED"
    assert names[1:] == [proto_prefix(enum) + member for member in enum.__members__]


def test_every_proto_enum_has_its_enum() -> None:
    assert set(backend_pb2.DESCRIPTOR.enum_types_by_name) == {e.__name__ for e in enums()}


def test_defaults_are_protobufs_so_that_absent_means_the_same_on_every_codec() -> None:
    zeros = {str: "", int: 0, bool: False}
    for kind in messages():
        for field, hint in zip(fields(kind), get_type_hints(kind).values(), strict=True):
            if hint in zeros:
                assert field.default == zeros[hint], f"{kind.__name__}.{field.name}"


def test_methods_are_those_of_the_service() -> None:
    service = backend_pb2.DESCRIPTOR.services_by_name["Backend"]
    assert service.full_name == SERVICE
    proto = [
        (m.name, m.input_type.name, m.output_type.name, m.server_streaming) for m in service.methods
    ]
    ours = [(m.name, m.request.__name__, m.reply.__name__, m.streams) for m in METHODS.values()]
    assert ours == proto


def test_methods_are_those_of_the_backend_protocol() -> None:
    for method in METHODS.values():
        hints = get_type_hints(getattr(Backend, method.attribute))
        reply = hints["return"]
        assert hints["request"] is method.request
        assert (get_args(reply)[0] if method.streams else reply) is method.reply


def test_what_is_derived_for_a_transport_is_found_in_its_folder() -> None:
    with_one = {path.parent.name for path in ROOT.glob("transports/*/derive.py")}
    assert with_one < set(transport_names())
    for name in transport_names():
        module = transport_module(name, "derive")
        assert (module is not None) is (name in with_one)
        if module is not None:
            assert all((ROOT / path).is_file() for path in module.derive())


def test_what_is_stale_is_named_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = Path("derived.txt"), Path("other.txt")
    wanted = {file: b"wanted", other: b"current"}
    (tmp_path / other).write_bytes(b"current")
    (tmp_path / file).write_bytes(b"old")
    assert not update(wanted, tmp_path, check=True)
    assert (tmp_path / file).read_bytes() == b"old"
    assert capsys.readouterr().out == "stale: derived.txt\n"
    assert not update(wanted, tmp_path, check=False)
    assert (tmp_path / file).read_bytes() == b"wanted"
    assert capsys.readouterr().out == "written: derived.txt\n"
    assert update(wanted, tmp_path, check=True)
