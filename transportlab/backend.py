"""What a backend is: seven operations, and the session around them.

An author writes Operations and describes them by a Plugin; sdk/session.py makes a Backend of that.
The host, the conformance runner and the benchmarks hold a Backend, and cannot tell one in this
process from one behind a transport.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import msgspec

from transportlab import model
from transportlab.context import Context
from transportlab.methods import METHODS

PROTOCOL_VERSIONS = (1,)
"""The versions of spec/PROTOCOL.md that this code speaks, on either side."""

CAPABILITIES = tuple(method.capability for method in METHODS.values() if method.capability)
"""The names by which a host can require operations in OpenSession (P-SESSION-3)."""


class Operations(Protocol):
    """The seven operations on scheduler entries. Each may raise RpcError."""

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """Return the owned entries, in a fixed order, and malformed markers (P-READ)."""

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """Return the ops that lead to the desired jobs. Writes nothing (P-PLAN)."""

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """Carry out a plan and report each op as it goes (P-APPLY)."""

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """Return how entries differ from the desired jobs. Writes nothing (P-DRIFT)."""

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """Remove the owned entries whose job is not to be kept (P-PRUNE)."""

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """Mark existing unmarked entries of one job as owned (P-ADOPT)."""

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """Say whose each entry is. Writes nothing (P-VERIFY)."""


class Backend(Operations, Protocol):
    """The whole RPC set: the operations inside a session."""

    def open_session(
        self, request: model.OpenSessionRequest, context: Context
    ) -> model.OpenSessionReply:
        """Agree on a version and take the configuration: once, before all else (P-SESSION)."""

    def close_session(
        self, request: model.CloseSessionRequest, context: Context
    ) -> model.CloseSessionReply:
        """End the session (P-SESSION)."""


class ConfigKey(msgspec.Struct, frozen=True):
    """One name that OpenSession's config may have.

    secret: its value is a credential. The session keeps it out of errors and of the log, and
    refuses a value that is too short to be hidden (P-SESSION-4).
    """

    name: str
    description: str
    required: bool = False
    secret: bool = False


class Plugin(msgspec.Struct, frozen=True):
    """A backend as its author describes it.

    create makes the Operations from a checked config: it has only keys that are listed here, and
    all that are required. It may raise RpcError for a value that it cannot use.
    """

    name: str
    version: str
    create: Callable[[Mapping[str, str]], Operations]
    config: tuple[ConfigKey, ...] = ()
    capabilities: tuple[str, ...] = CAPABILITIES
