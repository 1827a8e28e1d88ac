"""What the reply that costs the host most takes: 64 MiB of empty entries, or of another size.

    python -m bench.worst_reply [MIB]

Each row is a process of its own: CPU seconds, and peak memory as a multiple of the reply's bytes.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

from transportlab import model
from transportlab.codecs import load_codec

EMPTY = {"json": (b'{"entries":[{}', b",{}", b"]}"), "protobuf": (b"", b"\x0a\x00", b"")}
"""What a reply begins with, an empty entry, and what the reply ends with."""


def measure(codec: str, step: str, size: int) -> None:
    """Print one row. step: native for protobuf's own pass, else decode."""
    begin, entry, end = EMPTY[codec]
    data = begin + entry * (size // len(entry)) + end
    decode: Callable[[bytes], object]
    if step == "native":
        from transportlab.codecs._pb.backend_pb2 import ReadReply

        decode = ReadReply.FromString
    else:
        used = load_codec(codec)

        def decode(data: bytes) -> object:
            return used.decode(model.ReadReply, data)

    decode(begin + end)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    reply = decode(data)
    took = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"{codec:8} {step:6} {took:6.2f} s  {grown / len(data):5.0f} times the bytes")
    del reply


if __name__ == "__main__":
    mib = int(sys.argv[1]) if len(sys.argv) in (2, 4) else 64
    if len(sys.argv) == 4:
        measure(sys.argv[2], sys.argv[3], mib << 20)
    else:
        for row in (("json", "decode"), ("protobuf", "native"), ("protobuf", "decode")):
            subprocess.run([sys.executable, "-m", "bench.worst_reply", str(mib), *row], check=True)
