"""The program under test: what a stranger is told of its launch's secret is in no result."""

import sys
from pathlib import Path

import pytest

from transportlab import model
from transportlab.channel import EndpointKind, SocketEndpoint
from transportlab.conformance.start import Program
from transportlab.errors import RpcError
from transportlab.methods import READ
from transportlab.registry import load_transport, transport_names

TELLS = """#!{python}
from transportlab import sdk, secret
from transportlab.backends.echo import PLUGIN
from transportlab.errors import Code, RpcError

def tell(given, wanted):
    if list(given) != [wanted]:
        raise RpcError(Code.UNAUTHENTICATED, "expected " + wanted)

secret.check_secret = tell
sdk.run(PLUGIN)
"""


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
            channel.unary(READ, model.ReadRequest())
        assert session.endpoint.secret not in repr(vars(caught.value))
