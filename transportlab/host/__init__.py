"""The host's side of a plugin's life: find it, start it, shake hands, call, stop.

`open_backend` is the way in; the modules are its steps, in the order of the protocol.
"""

from transportlab.host.logs import LogRecord
from transportlab.host.options import HostOptions
from transportlab.host.session import HostSession, open_backend

__all__ = ["HostOptions", "HostSession", "LogRecord", "open_backend"]
