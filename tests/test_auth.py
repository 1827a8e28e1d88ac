"""The secret of a launch: the line on stdin, and the comparison."""

import os
import threading
from collections.abc import Iterator

import pytest

from transportlab.auth import (
    DIGITS,
    SecretError,
    check_secret,
    new_secret,
    read_secret,
    secret_line,
)
from transportlab.errors import Code, RpcError, unauthenticated


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


def test_a_secret_is_64_hex_digits_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(s) == DIGITS == 64 and not s.strip("0123456789abcdef") for s in secrets)


def test_the_line_is_read_and_nothing_behind_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    secret = new_secret()
    os.write(writer, secret_line(secret) + b"rest")
    os.close(writer)
    assert read_secret(reader) == secret
    assert os.read(reader, 100) == b"rest"


def test_the_line_may_come_byte_by_byte(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    secret = new_secret()

    def write() -> None:
        for byte in secret_line(secret):
            os.write(writer, bytes((byte,)))
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_secret(reader) == secret
    thread.join()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"", "ended before the secret"),
        (b"0" * 64, "ended before the secret"),
        (b"\n", "64 lower-case hex digits"),
        (b"0" * 63 + b"\n", "64 lower-case hex digits"),
        (b"0" * 65 + b"\n", "64 lower-case hex digits"),
        (b"A" * 64 + b"\n", "64 lower-case hex digits"),
        (b"0" * 63 + b"\r\n", "64 lower-case hex digits"),
        (b'{"jsonrpc":"2.0"}' * 10, "64 lower-case hex digits"),
    ],
)
def test_what_is_no_such_line_is_told_without_its_bytes(
    pipe: tuple[int, int], said: bytes, problem: str
) -> None:
    reader, writer = pipe
    os.write(writer, said)
    os.close(writer)
    with pytest.raises(SecretError, match=problem) as caught:
        read_secret(reader)
    assert "000" not in str(caught.value)
    assert "AAA" not in str(caught.value)


def test_a_call_has_the_one_secret_or_is_unauthenticated() -> None:
    wanted = new_secret()
    check_secret([wanted], wanted)
    check_secret([], "")
    check_secret([""], "")
    for given in ([], [""], [wanted[:-1]], [wanted + "0"], [new_secret()], [wanted, wanted],
                  [wanted, ""], ["é"], ["\udcff"], [wanted.upper() + " "]):  # fmt: skip
        with pytest.raises(RpcError) as caught:
            check_secret(given, wanted)
        assert caught.value.code is Code.UNAUTHENTICATED
        assert caught.value.to_status() == unauthenticated().to_status()
    with pytest.raises(RpcError):
        check_secret([wanted], "")
