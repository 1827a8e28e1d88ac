"""Transcripts: in order, bounded, without secrets, and shown as they come."""

import json

from transportlab.conformance.transcript import (
    HOST,
    LAUNCHES,
    LINES,
    MOST,
    PLUGIN,
    SHOWN,
    TEXT,
    Spoken,
    Transcript,
)
from transportlab.host.logs import LogRecord

SECRET = "correct-horse-battery"  # for a test
LAUNCH = "0123456789abcdef" * 4


def texts(transcript: Transcript) -> list[str]:
    return [line.text for line in transcript.captured().lines]


def test_what_is_said_is_kept_in_order_and_forgotten_at_the_next_vector() -> None:
    transcript = Transcript({})
    transcript.say(HOST, "a", "1")
    transcript.say(PLUGIN, "b\r\x1b[31m")
    transcript.log(LogRecord("mine", "info", "hello"))
    found = transcript.captured()
    assert [(line.by, line.on, line.text) for line in found.lines] == [
        (">", "1", "a"),
        ("<", "", "b\\r\\x1b[31m"),
        ("!", "", "mine info hello"),
    ]
    assert sorted(line.at for line in found.lines) == [line.at for line in found.lines]
    transcript.begin("next")
    assert transcript.captured().lines == ()


def test_secrets_are_hidden_in_whatever_form_they_come() -> None:
    transcript = Transcript({"token": SECRET})
    transcript.hide(LAUNCH)
    transcript.say(HOST, f"x: {SECRET} {LAUNCH} {json.dumps(SECRET)}")
    Spoken(transcript, PLUGIN, "").take(b"\0\x0a" + SECRET.encode() + b"\xff")
    Spoken(transcript, PLUGIN, "").take(SECRET[:9].encode())  # the rest comes later
    shown = "\n".join(texts(transcript))
    assert SECRET not in shown
    assert LAUNCH not in shown
    assert SECRET[:9] not in shown
    assert "[token]" in shown
    assert "[launch secret 0]" in shown


def test_a_launch_that_is_still_used_stays_hidden() -> None:
    transcript = Transcript({})
    for number in range(LAUNCHES * 3):
        transcript.hide(LAUNCH)
        transcript.hide(f"{number:064}")
    transcript.say(HOST, LAUNCH)
    assert LAUNCH not in texts(transcript)[0]


def test_all_is_bounded() -> None:
    transcript = Transcript({})
    transcript.say(HOST, "x" * (TEXT + 5))
    assert texts(transcript)[0].endswith("«5 characters are left out here»")
    Spoken(transcript, HOST, "").take(b"y\n" * (LINES + 7))
    assert texts(transcript)[-1] == "(7 lines are left out here)"
    for _ in range(MOST):
        transcript.say(HOST, "z")
    found = transcript.captured()
    assert len(found.lines) == MOST
    assert found.left_out == LINES + 2


def test_lines_are_shown_as_they_come() -> None:
    shown: list[str] = []
    transcript = Transcript({}, shown.append)
    transcript.begin("http-json a-vector")
    transcript.say(HOST, "x" * 999, "2")
    assert shown[0] == "TRACE http-json a-vector"
    assert " >2 xxx" in shown[1]
    assert "«" in shown[1]
    assert len(shown[1]) < SHOWN + 80
    for _ in range(MOST):
        transcript.say(PLUGIN, "z")
    assert len(shown) == MOST + 2  # also what is not kept


def test_text_is_told_in_lines_and_its_end_is_told() -> None:
    transcript = Transcript({})
    spoken = Spoken(transcript, PLUGIN, "1")
    spoken.take(b'{"a":1}\n{"b":2}\n')
    spoken.take(b"HTTP/1.1 200 OK\r\n\r\n\xff")
    spoken.end()
    assert texts(transcript) == [
        '{"a":1}',
        '{"b":2}',
        "HTTP/1.1 200 OK\\r",
        "\\r",
        "\\xff",
        "(end)",
    ]


def test_a_beginning_that_never_goes_on_is_told() -> None:
    transcript = Transcript({})
    spoken = Spoken(transcript, HOST, "")
    spoken.take(b"PRI * HT")
    assert texts(transcript) == []
    spoken.end()
    assert texts(transcript) == ["b'PRI * HT'", "(end)"]
