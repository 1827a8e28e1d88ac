"""What is compared, and what cannot be."""

import pytest

from transportlab.errors import PluginError
from transportlab.evidence.run import plan as arms
from transportlab.evidence.run.plan import Arm, codec_arms, copy_of, transport_arms
from transportlab.evidence.suites.handshake import module_names, plugin_modules
from transportlab.registry import load_transport, transport_names


def test_every_transport_is_an_arm_with_each_codec_or_has_a_reason() -> None:
    found, missing = transport_arms()
    absent = {name for name, _ in missing}
    pairs = {
        (name, codec)
        for name in transport_names()
        if name not in absent
        for codec in load_transport(name).traits.codecs
    }
    assert {(arm.transport, arm.codec) for arm in found} == pairs
    assert len({arm.id for arm in found}) == len(found)


def test_a_library_that_is_missing_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arms, "find_spec", lambda _: None)
    found, missing = transport_arms()
    assert all(not load_transport(arm.transport).traits.requires for arm in found)
    assert missing
    assert all(why.startswith("not installed: ") for _, why in missing)


@pytest.mark.parametrize(
    ("code", "library", "program"),
    [
        ("E-NOT-FOUND", "no libraries were built (no C compiler)", "E-NOT-FOUND"),
        ("E-NOT-A-FILE", "E-NOT-A-FILE", "E-NOT-A-FILE"),
    ],
)
def test_a_plugin_that_is_missing_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, code: str, library: str, program: str
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise PluginError(code, "no such file")

    monkeypatch.setattr(arms, "find", nothing)
    found, missing = transport_arms()
    assert {load_transport(arm.transport).traits.wire for arm in found} == {False}
    assert {why for _, why in missing} == {library, program}


def test_the_copy_is_of_an_arm_with_a_plugin_process() -> None:
    found = transport_arms()[0]
    copy = copy_of(found)
    assert copy.role == "aa"
    assert copy.id.removesuffix("#2") in {arm.id for arm in found}
    assert load_transport(copy.transport).traits.isolated


def test_the_copy_is_of_the_first_arm_where_none_has_a_process() -> None:
    codecs = codec_arms(transport_arms()[0])
    assert copy_of(codecs) == Arm(f"{codecs[0].id}#2", "", codecs[0].codec, "aa")


def test_each_codec_is_an_arm_once() -> None:
    assert [arm.id for arm in codec_arms(transport_arms()[0])] == ["codec-json", "codec-protobuf"]


def test_an_arm_is_usual_by_its_transports_first_codec() -> None:
    for arm in transport_arms()[0]:
        assert arm.usual == (load_transport(arm.transport).traits.codecs[0] == arm.codec)
    assert not copy_of(transport_arms()[0]).usual


def test_a_plugins_imports_are_those_of_its_codec_and_transport() -> None:
    for arm in transport_arms()[0]:
        modules = plugin_modules(arm)
        if not load_transport(arm.transport).traits.isolated:
            assert modules == ()
        else:
            assert "transportlab.backends.echo" in modules
            assert any(name.startswith(f"transports.{arm.transport}.") for name in modules)


def test_names_are_read_between_other_lines() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       123 |        123 |   os.path",
        '{"level": "info"}',
        "import time: not a table",
        "import time:       5 |        200 | json",
    ]
    assert module_names(lines) == ("os.path", "json")
