"""Steps that are bytes: what is sent, what is taken, and what is told of a plugin that is wrong."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from transportlab.channel import SocketEndpoint
from transportlab.conformance.vectors import Receive, Send
from transportlab.conformance.wire import WIRE_ACTS, WirePlayer, WireProblem
from transportlab.raw import Closed, Garbled, RawWire, Silent


class Fake(RawWire):
    """A wire that keeps what is sent, and gives what it was made with."""

    def __init__(self, *messages: Any) -> None:
        super().__init__(SocketEndpoint("/nowhere"))
        self.sent: list[tuple[str, bytes]] = []
        self.frames: list[tuple[str, Mapping[str, Any]]] = []
        self.messages = list(messages)

    def words(self) -> Mapping[str, str]:
        return {"secret": "5e"}

    def head(self, lines: list[str], length: int) -> bytes:
        return ("|".join(lines).replace("{length}", str(length)) + "#").encode()

    def write(self, name: str, data: bytes, end: float, *, bytewise: bool = False) -> None:
        self.sent.append((name, data))

    def frame(self, name: str, form: Mapping[str, Any], end: float) -> None:
        self.frames.append((name, form))

    def message(self, name: str, end: float) -> Any:
        found = self.messages.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def quiet(self, name: str, end: float) -> bytes:
        return b"left" if self.messages else b""


SCOPE = {"app": "mine", "config": {"a": 1}, "x": {"ops": ["o"], "hex": "0a0b"}}


def play(wire: Fake, **step: Any) -> str:
    kind = Send if step["do"] == "send" else Receive
    return WIRE_ACTS[kind](WirePlayer(wire, dict(SCOPE)), msgspec.convert(step, kind))


@pytest.mark.parametrize(
    ("step", "data"),
    [
        ({"text": "{'a':'{app}'}"}, b'{"a":"mine"}'),
        ({"line": "{config} {x.ops}"}, b'{"a":1} ["o"]\n'),
        ({"text": "a", "line": "b", "hex": "00 ff{x.hex}"}, b"ab\n\x00\xff\x0a\x0b"),
        ({"head": ["A {secret}", "{length}"], "text": "xyz"}, b"A 5e|3#xyz"),
        ({"text": {"$repeat": ["ab", 3]}}, b"ababab"),
        ({"text": "{} {'a':{}}"}, b'{} {"a":{}}'),
    ],
)
def test_bytes_are_sent_as_the_step_says(step: dict[str, Any], data: bytes) -> None:
    wire = Fake()
    assert play(wire, do="send", **step) == ""
    assert wire.sent == [("", data)]


def test_what_is_sent_apart_has_connections_of_its_own() -> None:
    wire = Fake()
    play(wire, do="send", text="x", on="c", times=2, apart=True)
    assert wire.sent == [("c1", b"x"), ("c2", b"x")]


def test_what_is_expected_apart_comes_on_connections_of_its_own() -> None:
    wire = Fake()
    asked = []
    wire.message = lambda name, end: asked.append(name)  # type: ignore[method-assign]
    assert play(wire, do="expect", message=None, on="c", times=2, apart=True) == ""
    assert asked == ["c1", "c2"]


def test_a_frame_has_its_words_filled_in() -> None:
    wire = Fake()
    play(wire, do="send", frame={"message": "0a{x.hex}", "end": False, "pairs": [["k", "{app}"]]})
    assert wire.frames == [("", {"message": "0a0a0b", "end": False, "pairs": [["k", "mine"]]})]


@pytest.mark.parametrize(
    ("messages", "step", "said"),
    [
        ([{"a": 1}], {"message": {"a": 1}}, ""),
        ([{"a": 2}], {"message": {"a": 1}}, "a: expected 1, got 2"),
        ([1, 1], {"message": 1, "times": 2}, ""),
        ([1, 2], {"message": 1, "times": 2}, "expected 1, got 2"),
        ([2, 1], {"messages": [1, 2]}, ""),
        ([2, 2], {"messages": [1, 2]}, "expected one like 1, got [2, 2]"),
        ([Closed()], {"message": {"closed": True}}, ""),
        ([], {"silent": 1}, ""),
        ([1], {"silent": 1}, "expected nothing, got b'left'"),
    ],
)
def test_what_comes_is_judged(messages: list[Any], step: dict[str, Any], said: str) -> None:
    assert play(Fake(*messages), do="expect", **step) == said


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([Silent()], "got nothing for 5 s"),
        ([Silent(), 1], "got only b'left' for 5 s"),
        ([Closed(), 1], "the connection ended within a message"),
        ([Garbled("no JSON")], "no JSON"),
    ],
)
def test_what_is_no_message_is_told(messages: list[Any], said: str) -> None:
    with pytest.raises(WireProblem, match=said):
        play(Fake(*messages), do="expect", message=1)
