"""Times each message type to bytes and back, without a transport."""

from typing import Any

import pytest

from transportlab.evidence.suites.codec import cases

CALLS = {
    (codec, *case): call for codec in ("json", "protobuf") for case, call in cases(codec).items()
}


@pytest.mark.parametrize("key", CALLS, ids=" ".join)
def test_codec(benchmark: Any, key: tuple[str, str, str]) -> None:
    benchmark.pedantic(CALLS[key], rounds=20, iterations=5, warmup_rounds=2)
