"""The program under test: where it is started by hand, and what its strangers are told."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from transportlab import model
from transportlab.channel import EndpointKind, SocketEndpoint
from transportlab.conformance.subject import Program
from transportlab.conformance.vectors import Start
from transportlab.context import Context
from transportlab.errors import PluginError, RpcError
from transportlab.methods import READ
from transportlab.registry import load_transport, transport_names

TELLS = """#!{python}
from transportlab import auth as secret
from transportlab.sdk import program as sdk
from transportlab.backends.echo import PLUGIN
from transportlab.errors import Code, RpcError

def tell(given, wanted):
    if list(given) != [wanted]:
        raise RpcError(Code.UNAUTHENTICATED, "expected " + wanted)

secret.check_secret = tell
sdk.run(PLUGIN)
"""

SLOW = """#!{python}
import time
from transportlab.backends.echo import PLUGIN
from transportlab.sdk import run

time.sleep(1)
run(PLUGIN)
"""


@pytest.mark.parametrize("name", transport_names(EndpointKind.SOCKET))
def test_a_tmpdir_with_a_space_is_no_fault_of_a_plugin(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (odd := tmp_path / "a b").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    transport = load_transport(name)
    said = Program("echo", transport, transport.traits.codecs[0], {}).start(Start())
    assert (said["problem"], said["endpoint"]) == ("", "{place}/s")


@pytest.mark.parametrize("name", transport_names(EndpointKind.SOCKET))
def test_a_stranger_that_is_told_the_right_secret_does_not_repeat_it(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "cronix-backend-tells"
    path.write_text(TELLS.format(python=sys.executable))
    path.chmod(0o755)
    transport = load_transport(name)
    program = Program(str(path), transport, transport.traits.codecs[0], {})
    with program.session() as session, program.calling(session, "0" * 64) as channel:
        assert isinstance(session.endpoint, SocketEndpoint)
        with pytest.raises(RpcError) as caught:
            channel.unary(READ, model.ReadRequest(), Context())
        assert session.endpoint.secret not in repr(vars(caught.value))


@pytest.mark.parametrize("name", transport_names(EndpointKind.SOCKET, EndpointKind.STDIO))
def test_patience_holds_each_bound_open(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transportlab.conformance.subject.HANDSHAKE_SECONDS", 0.001)
    path = tmp_path / "cronix-backend-slow"
    path.write_text(SLOW.format(python=sys.executable))
    path.chmod(0o755)
    transport = load_transport(name)
    impatient = Program(str(path), transport, transport.traits.codecs[0], {})
    with pytest.raises(PluginError, match="no handshake line within"):
        impatient.session()
    with replace(impatient, patience=60.0).session(opens=True) as session:
        assert session.info.plugin_name == "echo"
