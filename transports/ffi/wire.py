"""The numbers of backend.h that both sides need, under the lab's names."""

from transports.ffi._abi import ffi

ABI_VERSION = ffi.integer_const("CRONIX_ABI_VERSION")
OK = ffi.integer_const("CRONIX_OK")
END = ffi.integer_const("CRONIX_END")

CODECS = {
    "protobuf": ffi.integer_const("CRONIX_PROTOBUF"),
    "json": ffi.integer_const("CRONIX_JSON"),
}
"""The number of each codec in cronix_call, by its name."""

ENDPOINT = "library"
"""The endpoint word of the handshake line."""
