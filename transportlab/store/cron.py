"""When schedules fire: a manifest's in cron's five fields, and whether two are the same.

Manifests follow robfig/cron, crontabs follow Vixie cron. The two differ a little:

- Five fields are written as they are, with single spaces between them.
- `?` becomes `*`. `N/step`, which cron does not have, becomes `N-<highest>/step`.
- Where both day of month and day of week are restricted, a day needs to match only one of them. For
  robfig `*/2` is such a restriction, for cron it is not, because it begins with `*`. It becomes
  `1-31/2`, which means the same to both.
- @hourly and the like have fixed fields. `@every Nm` and `@every Nh` become steps if N divides the
  hour or the day; otherwise no five fields mean the same.

The job's timezone is ignored: a crontab line has none. It fires in cron's own zone, and the trigger
command, which knows the job, decides.
"""

from functools import lru_cache

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

EXPRESSIBLE = (
    "five cron fields, @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually,"
    " @every Nm (N below 60 that divides 60) or @every Nh (N below 24 that divides 24)"
)
"""What a crontab can express, for error messages."""

_FIXED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_EVERY = {"m": (60, "*/{} * * * *"), "h": (24, "0 */{} * * *")}

_UNITS = {"s": 1, "m": 60, "h": 3600}

_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of week", 0, 6, DAYS),
)
_DAY_OF_MONTH, _DAY_OF_WEEK = 2, 4
_CRON_SUNDAY = 7

_DIGITS = 4
"""Most digits of a number: no field or step needs more."""


@lru_cache(maxsize=4096)
def translate(schedule: str) -> str:
    """The five fields. Raises ValueError with the problem if no fields mean the same."""
    words = schedule.split()
    if not words:
        raise ValueError("the schedule is empty")
    if words[0].startswith("@"):
        return _special(words)
    if len(words) != len(_FIELDS):
        raise ValueError(f"{len(words)} fields instead of five")
    days_or = not any(_is_star(words[place]) for place in (_DAY_OF_MONTH, _DAY_OF_WEEK))
    return " ".join(
        _field(word, place, days_or and place in (_DAY_OF_MONTH, _DAY_OF_WEEK))
        for place, word in enumerate(words)
    )


@lru_cache(maxsize=4096)
def is_live(schedule: str) -> bool:
    """Whether cron would act on a line with these fields: whether it can read them."""
    words = schedule.split()
    if len(words) == 1:
        return words[0] in _FIXED or words[0] == "@reboot"
    if len(words) != len(_FIELDS):
        return False
    try:
        for place, word in enumerate(words):
            _field(word, place, False, cron=True)
    except ValueError:
        return False
    return True


Times = tuple[tuple[int, ...], ...]
"""Minutes, hours, months, days of the month and of the week; one more if either day will do."""


def _all(place: int) -> tuple[int, ...]:
    _, low, high, _ = _FIELDS[place]
    return tuple(range(low, high + 1))


EVERY_HOUR, EVERY_MONTH = _all(1), _all(3)
EVERY_DAY: Times = (_all(_DAY_OF_MONTH), _all(_DAY_OF_WEEK))


def schedule_meaning(schedule: str) -> str:
    """When a manifest's schedule fires; text that is no schedule means only itself.

    An `@every` counts from when a scheduler starts, so it equals no five fields.
    """
    word, _, period = schedule.partition(" ")
    try:
        if word == "@every":
            return f"@every {_seconds(period)}s"
        return meaning(translate(schedule))
    except ValueError:
        return schedule


def _seconds(period: str) -> int:
    number, unit = period[:-1], period[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()):
        raise ValueError(f'"{period}" is no period')
    return int(number) * _UNITS[unit]


@lru_cache(maxsize=4096)
def meaning(schedule: str) -> str:
    """When cron runs a line with these fields; text that is no schedule means only itself.

    Two schedules have the same text exactly if cron would run their lines at the same minutes:
    `0,15,30,45` and `*/15`, day of week 7 and 0, `mon` and 1, `@hourly` and `0 * * * *`.
    """
    return str(times(schedule) or schedule)


@lru_cache(maxsize=4096)
def times(schedule: str) -> Times:
    """When cron runs a line with these fields; empty for text that is no schedule."""
    words = _FIXED.get(schedule, schedule).split()
    if len(words) != len(_FIELDS) or not is_live(" ".join(words)):
        return ()
    minutes, hours, days, months, weekdays = (
        _values(word, place) for place, word in enumerate(words)
    )
    return minutes, hours, months, *_days(words, days, weekdays)


def _days(words: list[str], days: tuple[int, ...], weekdays: tuple[int, ...]) -> Times:
    """How the two day fields go together: cron takes either if neither begins with a star."""
    if words[_DAY_OF_MONTH].startswith("*") or words[_DAY_OF_WEEK].startswith("*"):
        return days, weekdays
    if days == _all(_DAY_OF_MONTH) or weekdays == _all(_DAY_OF_WEEK):
        return EVERY_DAY
    return days, weekdays, ()


def _values(word: str, place: int) -> tuple[int, ...]:
    """The numbers that a field of cron's stands for; Sunday is 0."""
    _, low, high, _ = _FIELDS[place]
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = _value(first, place, True)
            end = _value(last, place, True) if dash else start
        found.update(range(start, end + 1, _number(step) if step else 1))
    if place == _DAY_OF_WEEK:
        found = {value % len(DAYS) for value in found}
    return tuple(sorted(found))


def _special(words: list[str]) -> str:
    if len(words) == 1 and words[0] in _FIXED:
        return _FIXED[words[0]]
    if words[0] != "@every" or len(words) != 2:  # noqa: PLR2004  # the word and its period
        raise ValueError("not a schedule that cron has five fields for")
    number, unit = words[1][:-1], words[1][-1]
    whole, form = _EVERY.get(unit, (0, ""))
    count = _number(number) if number.isdigit() else 0
    if not 0 < count < whole or whole % count:
        raise ValueError(f"cron has no fields for every {words[1]}")
    return form.format(count)


def _is_star(word: str) -> bool:
    """Whether robfig sees no restriction in the field."""
    for part in word.split(","):
        span, slash, step = part.partition("/")
        if span in ("*", "?") and (not slash or step.lstrip("0") == "1"):
            return True
    return False


def _field(word: str, place: int, spell_out: bool, *, cron: bool = False) -> str:
    """The field in cron's syntax.

    spell_out: write a star with a step as a range. cron: the field is in cron's syntax already, so
    only check it.
    """
    if not cron and place in (_DAY_OF_MONTH, _DAY_OF_WEEK) and "," in word and _is_star(word):
        word = "*"  # to cron a day is unrestricted only if its field begins with a star
    return ",".join(_part(part, place, spell_out, cron) for part in word.split(","))


def _part(part: str, place: int, spell_out: bool, cron: bool) -> str:
    name, low, high, _ = _FIELDS[place]
    span, slash, step = part.partition("/")
    if slash and _number(step) == 0:
        raise ValueError(f'{name}: step 0 in "{part}"')
    if span == "*" or (span == "?" and not cron):
        return f"{low}-{high}{slash}{step}" if slash and spell_out else f"*{slash}{step}"
    first, dash, last = span.partition("-")
    start = _value(first, place, cron)
    if dash:
        if start > _value(last, place, cron):
            raise ValueError(f'{name}: "{span}" runs backwards')
        return part
    if slash and cron:
        raise ValueError(f'{name}: cron has no step without a range, as in "{part}"')
    return f"{start}-{high}/{step}" if slash else part


def _value(text: str, place: int, cron: bool) -> int:
    name, low, high, names = _FIELDS[place]
    if text.lower() in names:
        return names.index(text.lower()) + low
    if cron and place == _DAY_OF_WEEK:
        high = _CRON_SUNDAY
    value = _number(text)
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} is not in {low}-{high}")
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError(f'"{text[:40]}" is not a number')
    return int(text)
