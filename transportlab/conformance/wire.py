"""Carries out the steps of a vector that write bytes to the plugin, and read what it answers.

The bytes go over the transport's own raw wire (transportlab/raw.py) to a plugin that the host's own
code has started. Each step is bounded.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from transportlab.channel import Transport
from transportlab.conformance.generators import ValueProblem, evaluate, look_up
from transportlab.conformance.patterns import mismatch, shown
from transportlab.conformance.vectors import Receive, Send
from transportlab.errors import LabError
from transportlab.raw import Closed, Garbled, RawWire, Silent
from transportlab.registry import transport_module

STEP_SECONDS = 5.0
"""How long one step may wait. A plugin that is right answers in milliseconds."""

CLOSED = {"closed": True}
"""What a vector sees of a connection that has ended."""

APP = "app"
"""The word for an app name of the vector's own."""

_WORD = re.compile(r"\{([a-z][a-z0-9_.]*)\}")


class WireProblem(LabError):
    """The plugin did not do on its wire what the protocol asks of it."""


def open_wire(transport: Transport, endpoint: Any) -> RawWire:
    """A raw wire to the plugin at the endpoint. Raises ValueProblem."""
    module = transport_module(transport.name, "raw")
    if module is None:
        raise ValueProblem(f"transport {transport.name} has no raw wire")
    wire: RawWire = module.Wire(endpoint)
    return wire


class WirePlayer:
    """Plays the steps of one vector that are bytes.

    scope: what was saved. seconds: how long a step may wait.
    """

    def __init__(self, wire: RawWire, scope: dict[str, Any], seconds: float = STEP_SECONDS) -> None:
        self._wire = wire
        self._scope = scope
        self._seconds = seconds

    def send(self, step: Send) -> str:
        """Write the bytes of a step."""
        end = time.monotonic() + self._seconds
        text = self._text(step.text)
        if step.line:
            text += self._text(step.line) + "\n"
        body = text.encode("utf-8", "surrogatepass") + self._hex(step.hex)
        head = [self._text(line) for line in step.head]
        data = (self._wire.head(head, len(body)) if head else b"") + body
        try:
            for number in range(1, step.times + 1):
                on = f"{step.on}{number}" if step.apart else step.on
                if step.frame:
                    self._wire.frame(on, self._filled(step.frame), end)
                self._wire.write(on, data, end, bytewise=step.bytewise)
        except Silent:
            return "the plugin takes no more bytes"
        except Closed:
            return "the plugin has ended the connection"
        except Garbled as error:
            return str(error)
        if step.then == "end":
            self._wire.half_close(step.on)
        elif step.then == "close":
            self._wire.drop(step.on)
        return ""

    def _text(self, value: Any) -> str:
        text: str = evaluate(value, self._scope)
        return _WORD.sub(self._word, text.replace("'", '"'))

    def _plain(self, match: "re.Match[str]") -> str:
        """A word of a frame, or of hex: what is saved as it is, and not in JSON."""
        name = match[1]
        known = name in self._wire.words() or name == APP
        return self._word(match) if known else str(look_up(name, self._scope))

    def _hex(self, text: str) -> bytes:
        return bytes.fromhex(_WORD.sub(self._plain, text))

    def _word(self, match: "re.Match[str]") -> str:
        name = match[1]
        words = self._wire.words()
        if name in words:
            return words[name]
        if name == APP:
            return str(self._scope[APP])
        if name == "length":  # the head's own
            return match[0]
        return msgspec.json.encode(look_up(name, self._scope)).decode()

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return _WORD.sub(self._plain, value.replace("'", '"'))
        if isinstance(value, list | tuple):
            return [self._filled(item) for item in value]
        if isinstance(value, dict):
            if any(name.startswith("$") for name in value):
                return evaluate(value, self._scope)
            return {name: self._filled(item) for name, item in value.items()}
        return value

    def expect(self, step: Receive) -> str:
        """Compare what comes with what the step says of it."""
        if step.silent:
            came = self._wire.quiet(step.on, time.monotonic() + step.silent / 1000)
            return f"expected nothing, got {shown(came)}" if came else ""
        if step.messages:
            wanted = [evaluate(pattern, self._scope) for pattern in step.messages]
            got = [self._message(step.on) for _ in wanted]
            return _unordered(wanted, got)
        pattern = evaluate(step.message, self._scope)
        problem = ""
        for number in range(1, step.times + 1):
            got = self._message(f"{step.on}{number}" if step.apart else step.on)
            problem = problem or mismatch(pattern, got)
            if step.save:
                self._scope[step.save] = got
        return problem

    def _message(self, name: str) -> Any:
        try:
            return self._wire.message(name, time.monotonic() + self._seconds)
        except Closed:
            left = self._wire.quiet(name, 0.0)
            if left:
                raise WireProblem(f"the connection ended within a message: {shown(left)}") from None
            return CLOSED
        except Silent:
            left = self._wire.quiet(name, 0.0)
            came = f"only {shown(left)}" if left else "nothing"
            raise WireProblem(f"expected a message, got {came} for {self._seconds:g} s") from None
        except Garbled as error:
            raise WireProblem(str(error)) from error


def _unordered(wanted: Sequence[Any], got: Sequence[Any]) -> str:
    """What is wrong with messages that may come in any order; empty if nothing."""
    left = list(got)
    for pattern in wanted:
        fitting = next((each for each in left if not mismatch(pattern, each)), None)
        if fitting is None:
            return f"expected one like {shown(pattern)}, got {shown(left)}"
        left.remove(fitting)
    return ""


WIRE_ACTS: Mapping[type, Callable[[WirePlayer, Any], str]] = {
    Send: WirePlayer.send,
    Receive: WirePlayer.expect,
}
