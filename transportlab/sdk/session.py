"""The session around a backend's operations: negotiation, config, and the order of calls.

    new --OpenSession--> open --CloseSession--> closed

Operations and CloseSession need an open session, OpenSession needs a new one; anything else is
FAILED_PRECONDITION (P-SESSION-1). An OpenSession that is refused leaves the session new. What the
operations do is left to the plugin, how calls arrive to the transports.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from transportlab import methods, model
from transportlab.backend import PROTOCOL_VERSIONS, Operations, Plugin
from transportlab.context import Context, SessionInfo
from transportlab.errors import Code, RpcError, invalid_argument, unknown_method
from transportlab.log import Log
from transportlab.methods import Method, Q, R
from transportlab.redact import SHORTEST, Redactor, too_short


def _refused(reason: str, message: str, details: model.ErrorDetails | None = None) -> RpcError:
    details = replace(details or model.ErrorDetails(), reason=reason)
    return RpcError(Code.FAILED_PRECONDITION, message, details)


class PluginSession:
    """The Backend that a Plugin becomes. It has one session. Safe to use from several threads."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._lock = threading.Lock()
        self._state = "new"
        self._operations: Operations | None = None
        self._info: SessionInfo | None = None
        self._log = Log(plugin.name, plugin.version)

    def open_session(
        self, request: model.OpenSessionRequest, context: Context
    ) -> model.OpenSessionReply:
        """Agree on the highest common version, check the config, and make the operations.

        Raises FAILED_PRECONDITION for versions (PROTOCOL_VERSION) or capabilities (CAPABILITY),
        INVALID_ARGUMENT for a config key, and what the plugin's create() raises.
        """
        context.log = log = self._log_for(request.config)
        with self._lock:
            if self._state != "new":
                raise _refused(
                    f"SESSION_{self._state.upper()}",
                    f"OpenSession: the session is already {self._state}",
                    model.ErrorDetails(action="start the plugin anew for another session"),
                )
            version = self._negotiate(request)
            self._require(request)
            self._check_config(request.config)
            self._operations = self._plugin.create(request.config)
            self._log = log
            self._info = SessionInfo(request.host_version, version)
            self._state = "open"
        return model.OpenSessionReply(
            version, self._plugin.name, self._plugin.version, self._plugin.capabilities
        )

    def _log_for(self, config: Mapping[str, str]) -> Log:
        """A log that shows the secrets of this config neither in its lines nor in errors."""
        names = [key.name for key in self._plugin.config if key.secret and key.name in config]
        secrets = {name: config[name] for name in names}
        return Log(self._plugin.name, self._plugin.version, Redactor(secrets))

    def _negotiate(self, request: model.OpenSessionRequest) -> int:
        common = set(PROTOCOL_VERSIONS) & set(request.protocol_versions)
        if common:
            return max(common)
        ours, theirs = _versions(PROTOCOL_VERSIONS), _versions(request.protocol_versions)
        oldest, newest = min(PROTOCOL_VERSIONS), max(request.protocol_versions, default=0)
        raise _refused(
            "PROTOCOL_VERSION",
            f"the plugin speaks protocol {ours}; the host speaks {theirs}",
            model.ErrorDetails(
                path="protocol_versions",
                expected=ours,
                got=theirs,
                action=f"install a newer {'host' if newest < oldest else 'plugin'}",
            ),
        )

    def _require(self, request: model.OpenSessionRequest) -> None:
        missing = sorted(set(request.required_capabilities) - set(self._plugin.capabilities))
        if missing:
            raise _refused(
                "CAPABILITY",
                f"the plugin does not have the required {', '.join(missing)}",
                model.ErrorDetails(
                    path="required_capabilities",
                    expected=", ".join(sorted(request.required_capabilities)),
                    got=", ".join(self._plugin.capabilities),
                ),
            )

    def _check_config(self, config: Mapping[str, str]) -> None:
        known = {key.name: key for key in self._plugin.config}
        names = ", ".join(known) or "none"
        for name in sorted(config):
            if name not in known:
                raise invalid_argument(
                    f"config/{name}",
                    f"unknown config key; the {self._plugin.name} backend knows {names}",
                    reason="UNKNOWN_CONFIG",
                    expected=names,
                    got=name,
                )
        for key in self._plugin.config:
            if key.required and key.name not in config:
                raise invalid_argument(
                    f"config/{key.name}",
                    f"missing config key: {key.description}",
                    reason="MISSING_CONFIG",
                    expected=key.name,
                )
            if key.secret and too_short(config.get(key.name, "")):
                raise invalid_argument(
                    f"config/{key.name}",
                    f"a secret of fewer than {SHORTEST} characters cannot be kept out of messages",
                    reason="SHORT_SECRET",
                    expected=f"at least {SHORTEST} characters",
                )

    def close_session(
        self, request: model.CloseSessionRequest, context: Context
    ) -> model.CloseSessionReply:
        """End the session."""
        self._open(context)
        with self._lock:
            self._state = "closed"
        return model.CloseSessionReply()

    def _open(self, context: Context) -> Operations:
        """The operations, if the session is open; gives the context its session and log."""
        context.session = self._info
        context.log = self._log
        if self._state == "open" and self._operations is not None:
            return self._operations
        new = self._state == "new"
        raise _refused(
            "SESSION_NOT_OPEN" if new else "SESSION_CLOSED",
            "the session is not open" if new else "the session is closed",
            model.ErrorDetails(action="call OpenSession first" if new else "start the plugin anew"),
        )

    def _operation(self, method: Method[Q, R], context: Context) -> Callable[[Q, Context], R]:
        """The plugin's operation for a method. UNIMPLEMENTED if it has none (P-SESSION-3)."""
        operations = self._open(context)
        found: Callable[[Q, Context], R] | None = getattr(operations, method.attribute, None)
        if found is None or method.capability not in self._plugin.capabilities:
            raise unknown_method(method.name)
        return found

    def read(self, request: model.ReadRequest, context: Context) -> model.ReadReply:
        """See Operations.read."""
        return self._operation(methods.READ, context)(request, context)

    def plan(self, request: model.PlanRequest, context: Context) -> model.PlanReply:
        """See Operations.plan."""
        return self._operation(methods.PLAN, context)(request, context)

    def apply(self, request: model.ApplyRequest, context: Context) -> Iterator[model.ApplyEvent]:
        """See Operations.apply."""
        stream: Any = self._operation(methods.APPLY, context)
        events: Iterator[model.ApplyEvent] = stream(request, context)
        return events

    def drift(self, request: model.DriftRequest, context: Context) -> model.DriftReply:
        """See Operations.drift."""
        return self._operation(methods.DRIFT, context)(request, context)

    def prune(self, request: model.PruneRequest, context: Context) -> model.PruneReply:
        """See Operations.prune."""
        return self._operation(methods.PRUNE, context)(request, context)

    def adopt(self, request: model.AdoptRequest, context: Context) -> model.AdoptReply:
        """See Operations.adopt."""
        return self._operation(methods.ADOPT, context)(request, context)

    def verify_ownership(
        self, request: model.VerifyOwnershipRequest, context: Context
    ) -> model.VerifyOwnershipReply:
        """See Operations.verify_ownership."""
        return self._operation(methods.VERIFY_OWNERSHIP, context)(request, context)


def _versions(versions: tuple[int, ...]) -> str:
    return "{" + ",".join(str(version) for version in sorted(versions)) + "}"
