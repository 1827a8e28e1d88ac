"""What a plugin's author calls: run(PLUGIN)."""

from transportlab.sdk.program import run

__all__ = ["run"]
