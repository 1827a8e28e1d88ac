"""The crontab backend: entries in a real crontab file, in cronix's line format.

translate.py turns schedules into cron's five fields, lines.py parses and writes bytes, document.py
is the crontab as a value, conditions.py knows what else decides whether and when cron runs a line,
and store.py is the Store over the file.
"""

import os
from collections.abc import Mapping

from transportlab import __version__
from transportlab.backends.crontab.conditions import system_zone
from transportlab.backends.crontab.lines import Wording
from transportlab.backends.crontab.store import Crontab, CrontabStore, is_user
from transportlab.sdk import ConfigKey, Operations, Plugin, RpcError, invalid_argument, run
from transportlab.store import StoreOperations
from transportlab.store.file import NEW_FILE_MODE, SharedFile

DEFAULT_BINARY = "/usr/local/bin/cronix"
"""cronix's own default. A bare name would not do: cron's PATH seldom has /usr/local/bin."""

LOCK = ".cronix.lock"
"""cronix takes a flock on the file of this name behind the crontab's. Taking it, too, keeps the two
from writing at once (P-CRONTAB-2)."""

SYSTEM_FILE_MODE = 0o644
"""Mode of a new system crontab: cron wants it to be writable by root alone."""

FORMATS = ("user", "system")


def create(config: Mapping[str, str]) -> Operations:
    """The operations for a checked config. Raises INVALID_ARGUMENT for a value of no crontab."""
    path, binary = config["path"], config.get("trigger_bin", DEFAULT_BINARY)
    # cron reads % as a line end, and white space would end the word.
    if not binary or "%" in binary or not binary.isprintable() or " " in binary:
        raise invalid_argument(
            "config/trigger_bin",
            f'"{binary}" is not one word of a crontab line',
            reason="INVALID_TRIGGER_BIN",
            expected="a program without white space and %",
            got=binary,
        )
    system, user = _format(config, path)
    mode = SYSTEM_FILE_MODE if system else NEW_FILE_MODE
    file = SharedFile(path, "path", new_mode=mode, lock_beside=LOCK)
    zone = config.get("timezone") or system_zone()
    return StoreOperations(CrontabStore(Crontab(file, Wording(binary, user), zone, system)))


def _format(config: Mapping[str, str], path: str) -> tuple[bool, str]:
    """Whether the crontab has a user column, and which user stands in it."""
    chosen, user = config.get("format", "user"), config.get("user", "")
    if chosen not in FORMATS:
        raise _wrong("format", f'"{chosen}" is no format', "user or system", chosen)
    place = os.path.abspath(path)
    if chosen == "user":
        if place == "/etc/crontab" or os.path.dirname(place) == "/etc/cron.d":
            raise _wrong("format", f"{path} is a system crontab", "system, with a user", chosen)
        if user:
            raise _wrong("user", "only a system crontab has a user column", "format=system", user)
        return False, ""
    if not is_user(user):
        raise _wrong("user", f'"{user}" is no user of this machine', "who runs the jobs", user)
    return True, user


def _wrong(key: str, problem: str, expected: str, got: str) -> RpcError:
    return invalid_argument(
        f"config/{key}", problem, reason=f"INVALID_{key.upper()}", expected=expected, got=got
    )


PLUGIN = Plugin(
    name="crontab",
    version=__version__,
    create=create,
    config=(
        ConfigKey("path", "the crontab file", required=True),
        ConfigKey("trigger_bin", f"the program that runs a job; {DEFAULT_BINARY} unless given"),
        ConfigKey("format", "user, or system for a crontab with a user column; user unless given"),
        ConfigKey("user", "who runs the jobs of a system crontab"),
        ConfigKey("timezone", "the time zone in which cron runs it; the system's unless given"),
    ),
)


def main() -> None:
    """Be a plugin's program: a host starts it and says over which transport."""
    run(PLUGIN)
