"""What both ends of the gRPC transport agree on, beside backend.proto (P-GRPC)."""

from transportlab.errors import MAX_MESSAGE_BYTES

CODEC_KEY = "cronix-codec"
"""Metadata of a call: its codec; absent for protobuf (P-GRPC-2)."""

SECRET_KEY = "cronix-secret"  # noqa: S105  # the name under which it travels
"""Metadata of a call: the secret of the plugin's launch (P-AUTH-2)."""

MAX_GRPC_MESSAGE = 1024
"""Longest grpc-message, in bytes as it is percent-encoded (P-GRPC-3).

Node's nghttp2 takes 64 KiB of headers and ends the connection at more.
"""


def grpc_message(text: str) -> str:
    """The text, cut so that its percent-encoded form keeps to MAX_GRPC_MESSAGE."""
    room = MAX_GRPC_MESSAGE - len("...")
    end = 0
    size = 0
    for position, character in enumerate(text):
        plain = " " <= character <= "~" and character != "%"
        size += 1 if plain else 3 * len(character.encode())
        if size > MAX_GRPC_MESSAGE:
            return text[:end] + "..."
        if size <= room:
            end = position + 1
    return text


STATUS_KEY = "cronix-status-bin"
"""Trailing metadata of an error that the plugin made: the whole Status, in the call's codec.

An error without it is grpcio's own. grpc-message has the text too, for clients that know only gRPC,
but HTTP/2 may trim it and it has no place for the details (P-GRPC-3).
"""


def metadata(codec: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A call's metadata: its codec if that is not protobuf, its secret if there is one."""
    words = ((CODEC_KEY, "" if codec == "protobuf" else codec), (SECRET_KEY, secret))
    return tuple((key, value) for key, value in words if value)


_MEBIBYTE = 1024 * 1024

OPTIONS = [
    # The lab's own check comes first and has the same text on every transport. grpcio's limit is
    # higher and catches peers that do not check (P-LIMIT-1).
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + _MEBIBYTE),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + _MEBIBYTE),
    # An error's texts have up to 8192 bytes each (P-ERR-3). With grpcio's default of 8 KiB in
    # all, a longer error would become RESOURCE_EXHAUSTED.
    ("grpc.max_metadata_size", _MEBIBYTE),
    ("grpc.absolute_max_metadata_size", _MEBIBYTE),
    # Two channels to one path are two connections. No proxy stands before a Unix socket.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    # grpcio's own would be the socket's path, which some languages' servers refuse (P-GRPC-1).
    ("grpc.default_authority", "localhost"),
]

_SERVER = {
    # Over it grpcio refuses a message by its length, before the rest of it comes (P-LIMIT-1).
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    # A host's metadata is some hundred bytes; it is held before the secret in it can be seen.
    "grpc.max_metadata_size": 65536,
    "grpc.absolute_max_metadata_size": 65536,
    # A connection that does not begin with HTTP/2 ends after this.
    "grpc.server_handshake_timeout_ms": 10_000,
}

SERVER_OPTIONS = [*(pair for pair in OPTIONS if pair[0] not in _SERVER), *_SERVER.items()]
"""The plugin's side, which also bounds those that have not shown the secret (P-AUTH-4)."""
