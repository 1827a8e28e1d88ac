"""The same call by a transport's library alone: it gets what the channel gets."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from transportlab import methods, model
from transportlab.codecs import load_codec
from transportlab.context import Context
from transportlab.host import HostOptions, open_backend

PLAN = model.PlanRequest("a", (model.DesiredJob(model.Job("j", ("* * * * *",)), ("0" * 16,)),))


@pytest.mark.parametrize("form", ["alone", "pair"])
def test_a_raw_call_has_the_channels_reply(transport: str, codec: str, form: str) -> None:
    name = f"transports.{transport}.floor"
    if find_spec(name) is None:
        with pytest.raises(ModuleNotFoundError):
            import_module(name)
        return
    with open_backend("echo", transport, HostOptions(codec=codec)) as session:
        plan = session.backend.plan(PLAN, Context())
        list(session.backend.apply(model.ApplyRequest(plan), Context()))
        request, spoken = model.ReadRequest("a"), load_codec(codec)
        pair = getattr(spoken, form)(request, model.ReadReply)
        call = import_module(name).raw_call(session.wire, methods.READ, request, pair)
        for _ in range(2):
            reply = call()
            assert [entry.job for entry in reply.entries] == ["j"]
        assert len(session.backend.read(request, Context()).entries) == 1
