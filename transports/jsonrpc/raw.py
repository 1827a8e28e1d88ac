"""Raw lines for conformance vectors: a message is a line, read strictly (P-JSONRPC-1)."""

import json
from typing import Any

from transportlab.data import SPEC
from transportlab.raw import Garbled, RawWire

VECTORS = SPEC / "conformance" / "jsonrpc"

REQUIRES: tuple[str, ...] = ()

SHOWN = 200


class Wire(RawWire):
    """The plugin's stdin and stdout, whatever name a vector gives them."""

    def message(self, name: str, end: float) -> Any:
        """See RawWire.message: what is on the next line, which no other reader could misread."""
        line = self.carriage("").line(end, b"\n")
        try:
            return json.loads(line.decode(), object_pairs_hook=_object, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Garbled(f"a line is no JSON: {error}: {line[:SHOWN]!r}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _refuse(word: str) -> object:
    raise ValueError(f"{word} is not in JSON")
