"""The same call by httpx alone: what the lab's own layers are measured against."""

from collections.abc import Callable

import httpx

from transportlab.codecs import Pair, load_codec
from transportlab.methods import AnyMethod
from transports.http.client import HttpChannel


def raw_call(
    channel: HttpChannel, method: AnyMethod, _request: object, pair: Pair
) -> Callable[[], object]:
    """A function that makes the call, on a connection of its own to the same plugin."""
    codec = load_codec(channel.codec)
    write, read = pair
    client = httpx.Client(transport=httpx.HTTPTransport(uds=channel.path), trust_env=False)
    headers = {"Content-Type": codec.content_type}
    url = f"http://localhost{method.path}"
    return lambda: read(client.post(url, content=write(), headers=headers).content)
