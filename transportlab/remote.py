"""RemoteBackend: a Backend at the other end of a channel."""

from collections.abc import Iterator

from transportlab import methods, model
from transportlab.channel import Channel
from transportlab.context import Context


class RemoteBackend:
    """Makes each call on the channel. It holds no state of its own.

    Each method raises RpcError for the backend's answer and TransportError for the channel's own
    failure. Closing apply's iterator cancels the call.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def open_session(
        self, request: model.OpenSessionRequest, context: Context
    ) -> model.OpenSessionReply:
        """See Operations.__init__."""
        return self._channel.unary(methods.OPEN_SESSION, request, context)

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """See Operations.read."""
        return self._channel.unary(methods.READ, request, context)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """See Operations.plan."""
        return self._channel.unary(methods.PLAN, request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """See Operations.apply."""
        return self._channel.stream(methods.APPLY, request, context)

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """See Operations.drift."""
        return self._channel.unary(methods.DRIFT, request, context)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """See Operations.prune."""
        return self._channel.unary(methods.PRUNE, request, context)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """See Operations.adopt."""
        return self._channel.unary(methods.ADOPT, request, context)

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """See Operations.verify_ownership."""
        return self._channel.unary(methods.VERIFY_OWNERSHIP, request, context)

    def close_session(
        self, request: model.CloseSessionRequest, context: Context
    ) -> model.CloseSessionReply:
        """See Backend.close_session."""
        return self._channel.unary(methods.CLOSE_SESSION, request, context)
