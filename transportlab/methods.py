"""The RPC set as data, so no transport has code for a single RPC.

A test compares it with backend.proto.
"""

from typing import Generic, TypeVar

import msgspec

from transportlab import model
from transportlab.errors import unknown_method

SERVICE = "cronix.backend.v1.Backend"
"""Full name of the service, as in backend.proto."""

Q = TypeVar("Q")
R = TypeVar("R")


class Method(msgspec.Struct, Generic[Q, R], frozen=True):
    """One RPC: its name in the contract, its method's name on a Backend, its message types.

    capability: the name by which a plugin offers it, empty for an RPC that every plugin has.
    streams: it answers with any number of replies. writes: the host never runs two at once.
    """

    name: str
    attribute: str
    request: type[Q]
    reply: type[R]
    capability: str = ""
    streams: bool = False
    writes: bool = False

    @property
    def path(self) -> str:
        """Its path in gRPC and in HTTP."""
        return f"/{SERVICE}/{self.name}"


OPEN_SESSION = Method(
    "OpenSession", "open_session", model.OpenSessionRequest, model.OpenSessionReply
)
READ = Method("Read", "read", model.ReadRequest, model.ReadReply, "read")
PLAN = Method("Plan", "plan", model.PlanRequest, model.PlanReply, "plan")
APPLY = Method(
    "Apply", "apply", model.ApplyRequest, model.ApplyEvent, "apply", streams=True, writes=True
)
DRIFT = Method("Drift", "drift", model.DriftRequest, model.DriftReply, "drift")
PRUNE = Method("Prune", "prune", model.PruneRequest, model.PruneReply, "prune", writes=True)
ADOPT = Method("Adopt", "adopt", model.AdoptRequest, model.AdoptReply, "adopt", writes=True)
VERIFY_OWNERSHIP = Method(
    "VerifyOwnership",
    "verify_ownership",
    model.VerifyOwnershipRequest,
    model.VerifyOwnershipReply,
    "verify-ownership",
)
CLOSE_SESSION = Method(
    "CloseSession", "close_session", model.CloseSessionRequest, model.CloseSessionReply
)

AnyMethod = Method[object, object]

METHODS: dict[str, AnyMethod] = {
    method.name: method  # type: ignore[misc]  # a table of methods of many types
    for method in (
        OPEN_SESSION,
        READ,
        PLAN,
        APPLY,
        DRIFT,
        PRUNE,
        ADOPT,
        VERIFY_OWNERSHIP,
        CLOSE_SESSION,
    )
}
"""Every RPC by its name, in the order of the contract."""


def find_method(name: str) -> AnyMethod:
    """The method of that name. Raises RpcError UNIMPLEMENTED."""
    try:
        return METHODS[name]
    except KeyError:
        raise unknown_method(name) from None
