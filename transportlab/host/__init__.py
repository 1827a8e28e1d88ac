"""The host's side of a plugin's life: find it, start it, shake hands, call, stop.

Start with `open_backend`. The modules are its steps: discovery, trust, launch, handshake, session,
channel, process. docs/how-the-host-works.md walks through them.
"""

from transportlab.host.logs import LogRecord
from transportlab.host.options import HostOptions
from transportlab.host.session import HostSession, open_backend

__all__ = ["HostOptions", "HostSession", "LogRecord", "open_backend"]
