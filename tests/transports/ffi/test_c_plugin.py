"""backend.h is enough: a plugin and a host in strict C99, with each other and with Python's."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from transportlab import model
from transportlab.backend import PROTOCOL_VERSIONS
from transportlab.channel import Channel, LibraryEndpoint
from transportlab.context import Cancellation, Context
from transportlab.errors import Code, RpcError, TransportError
from transportlab.methods import READ
from transportlab.model import ApplyEventKind, Entry
from transportlab.registry import load_transport
from transportlab.remote import RemoteBackend

FfiCompile = Callable[..., Path]

OPEN = {"host_version": "1", "protocol_versions": [1]}
SANITIZERS = "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"


def run(host: Path, library: Path, opening: object, read: object) -> list[str]:
    """The lines of the C host, which gets nothing from this process's environment."""
    done = subprocess.run(
        [host, library, json.dumps(opening), json.dumps(read)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def host(ffi_compile: FfiCompile) -> Path:
    return ffi_compile("minimal_host.c")


@pytest.fixture(scope="module")
def plugin(ffi_compile: FfiCompile) -> Path:
    return ffi_compile("minimal_plugin.c", "-shared", "-fPIC")


@pytest.fixture
def channel(plugin: Path) -> Iterator[Channel]:
    with load_transport("ffi").connect(LibraryEndpoint(str(plugin)), codec="json") as made:
        yield made


@pytest.fixture
def backend(channel: Channel) -> RemoteBackend:
    return RemoteBackend(channel)


def test_the_host_of_the_lab_calls_a_plugin_in_c(backend: RemoteBackend) -> None:
    opening = model.OpenSessionRequest("1", PROTOCOL_VERSIONS)
    assert backend.open_session(opening, Context()) == model.OpenSessionReply(
        1, "minimal", "1.0", ("read", "apply")
    )
    assert backend.read(model.ReadRequest(), Context()).entries == (
        Entry("web", "a", hash="1", schedule="@daily"),
        Entry("web", "b", 1, command="say \0 é"),
    )
    events = backend.apply(model.ApplyRequest(), Context())
    assert [(event.kind, event.job) for event in events] == [
        (ApplyEventKind.STARTED, "0"),
        (ApplyEventKind.DONE, "1"),
        (ApplyEventKind.FINISHED, "2"),
    ]
    backend.close_session(model.CloseSessionRequest(), Context())


def test_a_plugin_in_c_refuses_with_a_status(backend: RemoteBackend) -> None:
    with pytest.raises(RpcError) as caught:
        backend.drift(model.DriftRequest(), Context())
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.message == "the minimal plugin only reads and applies"
    assert caught.value.details == model.ErrorDetails("MINIMAL", applied=("x", "y"))


def test_a_plugin_in_c_sees_the_flag_and_the_deadline(
    channel: Channel, backend: RemoteBackend
) -> None:
    switch = Cancellation()
    events = backend.apply(model.ApplyRequest(), Context(cancellation=switch))
    next(events)
    switch.cancel()
    with pytest.raises(RpcError, match="the call was cancelled"):
        next(events)
    with pytest.raises(RpcError, match="the deadline passed"):
        # Less than a microsecond is nothing by the time that it arrives.
        channel.unary(READ, model.ReadRequest(), Context(timeout=1e-9))


def test_a_codec_that_the_plugin_does_not_have_is_refused(plugin: Path) -> None:
    with pytest.raises(TransportError, match="has no codec protobuf; it has json"):
        load_transport("ffi").connect(LibraryEndpoint(str(plugin)), codec="protobuf")


def check_pair(lines: list[str]) -> None:
    assert lines[0] == "CRONIX-PLUGIN-V1 library abi=1 codec=json name=minimal version=1.0"
    calls = [line.split(" ", 2) for line in lines[1:]]
    assert [(method, code) for method, code, _ in calls] == [
        ("OpenSession", "0"),
        ("Read", "0"),
        ("CloseSession", "0"),
    ]
    assert json.loads(calls[0][2])["plugin_name"] == "minimal"
    assert [entry["job"] for entry in json.loads(calls[1][2])["entries"]] == ["a", "b"]


def test_a_host_in_c_calls_a_plugin_in_c(host: Path, plugin: Path) -> None:
    check_pair(run(host, plugin, OPEN, {}))


def test_host_and_plugin_in_c_touch_only_what_is_theirs(
    ffi_compile: FfiCompile, tmp_path: Path
) -> None:
    if not _sanitizers_work(tmp_path):
        pytest.skip("not run: the compiler has no sanitizers here")
    host = ffi_compile("minimal_host.c", *SANITIZERS)
    plugin = ffi_compile("minimal_plugin.c", "-shared", "-fPIC", *SANITIZERS)
    check_pair(run(host, plugin, OPEN, {}))


def _sanitizers_work(folder: Path) -> bool:
    (folder / "probe.c").write_text("int main(void) { return 0; }\n")
    command = ["cc", *SANITIZERS, "-o", str(folder / "probe"), str(folder / "probe.c")]
    built = subprocess.run(command, capture_output=True, check=False).returncode == 0
    return built and subprocess.run([folder / "probe"], check=False).returncode == 0


def test_a_host_in_c_calls_a_plugin_in_python_if_python_is_a_library(
    host: Path, ffi_echo: Path
) -> None:
    opening = {**OPEN, "config": {"faults": "requests"}}
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        # Then there is nothing that the host could load along with the plugin.
        with pytest.raises(AssertionError, match="undefined symbol"):
            run(host, ffi_echo, opening, {"app": "!echo:hello"})
        return
    lines = run(host, ffi_echo, opening, {"app": "!echo:hello"})
    assert lines[0].startswith("CRONIX-PLUGIN-V1 library ")
    assert {"abi=1", "codec=protobuf,json", "name=echo"} <= set(lines[0].split())
    assert json.loads(lines[1].removeprefix("OpenSession 0 "))["plugin_name"] == "echo"
    assert json.loads(lines[2].removeprefix("Read 0 "))["entries"][0]["command"] == "!echo:hello"
    assert lines[3] == "CloseSession 0 {}"
