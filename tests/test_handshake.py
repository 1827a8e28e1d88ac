"""The parser of the handshake line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transportlab.errors import ProtocolViolation
from transportlab.handshake import MAGIC, Handshake, parse


@pytest.mark.parametrize(
    ("line", "endpoint", "words"),
    [
        (b"CRONIX-PLUGIN-V1 stdio", "stdio", {}),
        (b"CRONIX-PLUGIN-V1 stdio\r", "stdio", {}),
        (b"CRONIX-PLUGIN-V1 /tmp/x/s a=1 b= c=d=e", "/tmp/x/s", {"a": "1", "b": "", "c": "d=e"}),
        (b"CRONIX-PLUGIN-V1 stdio  unknown=1 ", "stdio", {"unknown": "1"}),
    ],
)
def test_a_line_is_read(line: bytes, endpoint: str, words: dict[str, str]) -> None:
    assert parse(line) == Handshake(endpoint, words)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "an empty line instead of a handshake: ''"),
        (b" \r", "an empty line instead of a handshake: ' \\r'"),
        (b"hello", "not a handshake but this: 'hello'"),
        (b"1|1|unix|/tmp/plugin|grpc", "not a handshake but this: '1|1|unix|/tmp/plugin|grpc'"),
        (b"CRONIX-PLUGIN-V2 stdio", "another version than CRONIX-PLUGIN-V1"),
        (b"CRONIX-PLUGIN-V1\tstdio", "has no space after its first word"),
        (b"CRONIX-PLUGIN-V1", "names no endpoint"),
        (b"CRONIX-PLUGIN-V1 ", "names no endpoint"),
        (b"CRONIX-PLUGIN-V1 stdio word", "has 'word', which is not key=value"),
        (b"CRONIX-PLUGIN-V1 stdio =x", "has '=x', which is not key=value"),
        (b"CRONIX-PLUGIN-V1 \xff", "not UTF-8: 'CRONIX-PLUGIN-V1 \\xff'"),
        (b"x" * 1000, "xxx'..."),
    ],
)
def test_a_bad_line_is_named_with_its_bytes(line: bytes, problem: str) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        parse(line)
    assert problem in str(caught.value)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: MAGIC.encode() + b" " + b))
def test_any_bytes_are_a_handshake_or_a_violation(line: bytes) -> None:
    try:
        found = parse(line)
    except ProtocolViolation:
        return
    assert found.endpoint
