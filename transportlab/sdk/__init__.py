"""What a plugin's author calls and describes a backend with; run(PLUGIN) is the whole program.

    from transportlab.sdk import ConfigKey, Plugin, run

    PLUGIN = Plugin("shelf", "1.0", create, config=(ConfigKey("path", "the file", required=True),))
    if __name__ == "__main__":
        run(PLUGIN)

create(config) makes the Operations. transportlab.store makes them of a store; a backend with better
means implements Operations itself, with the messages of transportlab.model. RpcError is how an
operation refuses or fails: the host gets its code, message and details as they are.
invalid_argument makes the one for a mistake in the request.
"""

from transportlab.backend import ConfigKey, Operations, Plugin
from transportlab.context import Context
from transportlab.errors import Code, RpcError, invalid_argument
from transportlab.model import ErrorDetails
from transportlab.sdk.program import run

__all__ = [
    "Code",
    "ConfigKey",
    "Context",
    "ErrorDetails",
    "Operations",
    "Plugin",
    "RpcError",
    "invalid_argument",
    "run",
]
