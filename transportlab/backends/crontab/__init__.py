"""The crontab backend: entries in a real crontab file, in cronix's line format.

translate.py turns schedules into cron's five fields, lines.py parses and writes bytes, document.py
is the crontab as a value, and store.py the Store over the file.
"""

from collections.abc import Mapping

from transportlab import __version__
from transportlab.backends.crontab.store import CrontabStore
from transportlab.sdk import ConfigKey, Operations, Plugin, invalid_argument
from transportlab.store import StoreOperations
from transportlab.store.file import SharedFile

DEFAULT_BINARY = "cronix"


def create(config: Mapping[str, str]) -> Operations:
    """The operations for a checked config.

    Raises INVALID_ARGUMENT for a path that no file can have, or a binary that is not one word.
    """
    binary = config.get("trigger_bin", DEFAULT_BINARY)
    # cron reads % as a line end, and white space would end the word.
    if not binary or "%" in binary or not binary.isprintable() or " " in binary:
        raise invalid_argument(
            "config/trigger_bin",
            f'"{binary}" is not one word of a crontab line',
            reason="INVALID_TRIGGER_BIN",
            expected="a program without white space and %",
            got=binary,
        )
    return StoreOperations(CrontabStore(SharedFile(config["path"], "path"), binary))


PLUGIN = Plugin(
    name="crontab",
    version=__version__,
    create=create,
    config=(
        ConfigKey("path", "the crontab file", required=True),
        ConfigKey("trigger_bin", f"the program that runs a job; {DEFAULT_BINARY} unless given"),
    ),
)
