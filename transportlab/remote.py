"""A Backend at the other end of a channel."""

from collections.abc import Iterator

from transportlab import methods, model
from transportlab.channel import Channel
from transportlab.context import Context


class RemoteBackend:
    """Calls go through the channel with the context's deadline and cancellation.

    Each method raises RpcError for the backend's answer and TransportError for the channel's own
    failure. Closing apply's iterator cancels the call.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def _unary(
        self, method: methods.Method[methods.Q, methods.R], request: methods.Q, context: Context
    ) -> methods.R:
        return self._channel.unary(
            method, request, timeout=context.remaining(), cancel=context.cancellation
        )

    def open_session(
        self, request: model.OpenSessionRequest, context: Context
    ) -> model.OpenSessionReply:
        """As in Backend."""
        return self._unary(methods.OPEN_SESSION, request, context)

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """As in Operations."""
        return self._unary(methods.READ, request, context)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """As in Operations."""
        return self._unary(methods.PLAN, request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """As in Operations."""
        return self._channel.stream(
            methods.APPLY, request, timeout=context.remaining(), cancel=context.cancellation
        )

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """As in Operations."""
        return self._unary(methods.DRIFT, request, context)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """As in Operations."""
        return self._unary(methods.PRUNE, request, context)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """As in Operations."""
        return self._unary(methods.ADOPT, request, context)

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """As in Operations."""
        return self._unary(methods.VERIFY_OWNERSHIP, request, context)

    def close_session(
        self, request: model.CloseSessionRequest, context: Context
    ) -> model.CloseSessionReply:
        """As in Backend."""
        return self._unary(methods.CLOSE_SESSION, request, context)
