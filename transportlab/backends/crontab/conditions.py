"""What decides whether, when and how cron runs a line, besides the line itself (P-CRONTAB-4).

A right line is not enough. cron ignores a whole file that others may write. It hands a line to the
SHELL that a setting above names, and runs it by the time zone of a CRON_TZ above. So each condition
that is not as a line of ours needs it becomes a warning, with its place and what to do about it.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import PurePosixPath

import msgspec

from transportlab.store import StoreWarning
from transportlab.store.cron import (
    EVERY_DAY,
    EVERY_HOUR,
    EVERY_MONTH,
    times,
)

_SETTING = re.compile(
    rb"^[ \t]*[\"']?(CRON_TZ|TZ|SHELL|PATH|MAILTO)[\"']?[ \t]*=[ \t]*([^\r\n]*)", re.MULTILINE
)
"""A setting as cron reads it: quotes and blanks are allowed on both sides of the equals sign."""

_SHELLS = frozenset(["ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "zsh"])
"""Shells that run a line of ours, which is two words and a name, alike."""

_CRON_D_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""The names that Debian's cron reads in /etc/cron.d (cron(8)); it skips all others."""

_ZONE_DAYS = 366
"""How far ahead two time zones are compared: a year has each zone's changes to summer time."""

_ZONE_STEP = timedelta(hours=6)


class Setting(msgspec.Struct, frozen=True):
    """A line `name = value`, which holds for all lines below it."""

    line: int
    name: str
    value: str


def settings(raw: bytes, first: int) -> Iterator[Setting]:
    """The settings in some whole lines, of which the first has that number."""
    for found in _SETTING.finditer(raw):
        value = found[2].decode("utf-8", "backslashreplace").strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        line = first + raw.count(b"\n", 0, found.start(1))
        yield Setting(line, found[1].decode(), value)


def zone_at(line: int, found: Sequence[Setting], zone: str) -> Setting:
    """The CRON_TZ that holds at a line. Without one it is the crontab's own zone, at line 0."""
    above = [each for each in found if each.name == "CRON_TZ" and each.line < line]
    return above[-1] if above else Setting(0, "", zone)


def setting_warnings(found: Sequence[Setting], absolute: bool) -> Iterator[StoreWarning]:
    """What the settings above a line of ours change for it; the time zone is looked at apart.

    absolute: the line names the trigger by its whole path, so that PATH does not matter.
    """
    for each in found:
        if each.name == "TZ":
            problem = f'the lines below get TZ="{each.value}"; some crons also run them by it'
            yield _environment(each, problem, "put the setting below cronix's lines")
        elif each.name == "SHELL" and PurePosixPath(each.value).name not in _SHELLS:
            problem = f'cron hands the lines below to "{each.value}", which may not run them'
            yield _environment(each, problem, "set SHELL=/bin/sh, or put it below cronix's lines")
        elif each.name == "PATH" and not absolute:
            problem = f'cron looks for the trigger in "{each.value}"'
            yield _environment(each, problem, "give trigger_bin as an absolute path")
        elif each.name == "MAILTO":
            whom = f'is mailed to "{each.value}"' if each.value else "is thrown away"
            problem = f"what the lines below print {whom}"
            yield _environment(each, problem, "put the setting below cronix's lines")


def _environment(setting: Setting, problem: str, action: str) -> StoreWarning:
    return StoreWarning("ENVIRONMENT", "", f"line {setting.line}", problem, action)


def file_warnings(
    path: str, data: bytes, found: os.stat_result | None, *, system: bool
) -> Iterator[StoreWarning]:
    """Why cron would ignore the whole file, or break the lines of others in it.

    found is None for a file that is not there yet. system: it is one of those with a user column.
    """
    place = PurePosixPath(path)
    if system and place.parent.name == "cron.d" and not _CRON_D_NAME.fullmatch(place.name):
        yield _file(
            "FILE_NAME",
            path,
            f'cron skips a file named "{place.name}" in cron.d: a dot is enough',
            "name it with letters, digits, - and _ alone",
        )
    if found is None:
        return
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(found.st_mode)
        problem = (
            f"its mode is {mode:04o}: cron ignores a file that others than its owner may write"
        )
        yield _file("FILE_MODE", path, problem, f"chmod go-w {path}")
    if system and found.st_uid:
        problem = f"it belongs to user {found.st_uid}: cron ignores a system crontab not of root"
        yield _file("FILE_OWNER", path, problem, f"chown root {path}")
    if data and not data.endswith(b"\n"):
        problem = "its last line has no line end: some crons then ignore the file"
        yield _file("NO_FINAL_LINE_END", path, problem, "end the last line with a line feed")
    yield from _line_ends(data)


def _line_ends(data: bytes) -> Iterator[StoreWarning]:
    broken = [
        number
        for number, line in enumerate(data.split(b"\n"), 1)
        if line.endswith(b"\r") and not line.lstrip().startswith(b"#")
    ]
    if broken:
        problem = f"{len(broken)} lines end in CR LF: cron hands the CR to their commands"
        action = "end lines with LF alone, as dos2unix does"
        yield StoreWarning("LINE_ENDS", "", f"line {broken[0]}", problem, action)


def _file(reason: str, path: str, problem: str, action: str) -> StoreWarning:
    return StoreWarning(reason, "", path, problem, action)


def system_zone() -> str:
    """The IANA name of the zone of /etc/localtime, which cron runs by; UTC where there is none."""
    try:
        name = os.readlink("/etc/localtime").partition("zoneinfo/")[2]
    except OSError:  # not there, or a copy of a zone's file
        name = ""
    if not name:
        try:
            with open("/etc/timezone", encoding="utf-8") as file:
                name = file.read(100).strip()
        except (OSError, ValueError):
            name = ""
    return name or "UTC"


def fires_alike(schedules: Sequence[str], one: str, other: str) -> bool:
    """Whether lines with these five fields fire at the same moments in two time zones.

    They do in zones of one offset, and where the difference of the offsets does not matter: every
    quarter of an hour is the same in all zones. A zone that is not known is equal to itself alone.
    """
    if one == other:
        return True
    apart = _apart(one, other, datetime.now(UTC).date())
    return apart == {timedelta(0)} or all(_indifferent(each, apart) for each in schedules)


@lru_cache(maxsize=64)  # it takes 10 ms or more, and a plan asks for the same zones again
def _apart(one: str, other: str, day: date) -> frozenset[timedelta]:
    """The differences between two zones' offsets in the year from that day on.

    Empty if one is unknown.
    """
    from zoneinfo import ZoneInfo  # takes milliseconds, and most crontabs have one zone

    try:
        zones = ZoneInfo(one), ZoneInfo(other)
    except (KeyError, ValueError, OSError):  # not known, no name at all, no file
        return frozenset()
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)
    found: set[timedelta] = set()
    for step in range(_ZONE_DAYS * (timedelta(days=1) // _ZONE_STEP)):
        moment = now + step * _ZONE_STEP
        first, second = (moment.astimezone(zone).utcoffset() or timedelta(0) for zone in zones)
        found.add(first - second)
    return frozenset(found)


def _indifferent(schedule: str, apart: frozenset[timedelta]) -> bool:
    """Whether a schedule has the same moments though clocks are that far apart."""
    minutes, *rest = times(schedule) or ((),)
    if not apart or tuple(rest) != (EVERY_HOUR, EVERY_MONTH, *EVERY_DAY):
        return False
    shifts = {int(difference.total_seconds()) // 60 % 60 for difference in apart}
    return all({(minute + shift) % 60 for minute in minutes} == set(minutes) for shift in shifts)
