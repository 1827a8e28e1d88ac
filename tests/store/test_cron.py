"""From a manifest's schedule to a crontab's five fields."""

import pytest

from transportlab.store.cron import EXPRESSIBLE, is_live, schedule_meaning, translate

SAME = [
    "* * * * *",
    "*/15 * * * *",
    "0 0 1 1 0",
    "59 23 31 12 6",
    "0,15,30-45/5 9-17 1-15 jan-MAR,dec Mon-fri",
    "0 0 */2 * *",
    "0 0 * * */2",
    "0 0 */1 * 1",
    "007 1 * * *",
    "5 4 * 1-fri *".replace("1-fri", "1-feb"),
]

TRANSLATED = [
    ("  0\t1  * *\n* ", "0 1 * * *"),
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@every 1m", "*/1 * * * *"),
    ("@every 15m", "*/15 * * * *"),
    ("@every 30m", "*/30 * * * *"),
    ("@every 1h", "0 */1 * * *"),
    ("@every 12h", "0 */12 * * *"),
    ("0 0 ? * ?", "0 0 * * *"),
    ("0 0 ?/2 * *", "0 0 */2 * *"),
    ("5/10 * * * *", "5-59/10 * * * *"),
    ("0 2/6 3/7 feb/3 mon/2", "0 2-23/6 3-31/7 2-12/3 1-6/2"),
    ("0 0 */2 * 1", "0 0 1-31/2 * 1"),
    ("0 0 13 * */2", "0 0 13 * 0-6/2"),
    ("0 0 5,*/10 * mon", "0 0 5,1-31/10 * mon"),
    ("0 0 5,* * mon", "0 0 * * mon"),
    ("0 0 1 * 5,?", "0 0 1 * *"),
]

REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ("* * * *", "4 fields"),
    ("0 * * * * *", "6 fields"),
    ("TZ=UTC * * * * *", "6 fields"),
    ("@reboot", "not a schedule"),
    ("@Hourly", "not a schedule"),
    ("@every", "not a schedule"),
    ("@every 5m 1s", "not a schedule"),
    ("@hourly 5", "not a schedule"),
    ("@every 7m", "every 7m"),
    ("@every 60m", "every 60m"),
    ("@every 0m", "every 0m"),
    ("@every 5h", "every 5h"),
    ("@every 24h", "every 24h"),
    ("@every 90s", "every 90s"),
    ("@every 1h30m", "every 1h30m"),
    ("@every 5", "every 5"),
    ("@every -5m", "every -5m"),
    ("@every \u0665m", "not a number"),
    ("@every 99999999m", "not a number"),
    ("60 * * * *", "minute: 60 is not in 0-59"),
    ("* 24 * * *", "hour: 24"),
    ("* * 0 * *", "day of month: 0"),
    ("* * 32 * *", "day of month: 32"),
    ("* * * 13 *", "month: 13"),
    ("* * * * 7", "day of week: 7"),
    ("5-1 * * * *", "runs backwards"),
    ("*/0 * * * *", "step 0"),
    ("1-5/0 * * * *", "step 0"),
    ("*/ * * * *", "not a number"),
    ("*/x * * * *", "not a number"),
    ("*-5 * * * *", "not a number"),
    ("1- * * * *", "not a number"),
    ("1,,2 * * * *", "not a number"),
    ("-1 * * * *", "not a number"),
    ("jan * * * *", "not a number"),
    ("1/2/3 * * * *", "not a number"),
    ("² * * * *", "not a number"),
    ("99999 * * * *", "not a number"),
    ("* * * * mon%", "not a number"),
    ("* * * * L", "not a number"),
    ("0~30 * * * *", "not a number"),
    ("9" * 5000 + " * * * *", "not a number"),
]


@pytest.mark.parametrize("schedule", SAME)
def test_five_fields_stay_as_they_are(schedule: str) -> None:
    assert translate(schedule) == schedule


@pytest.mark.parametrize(("schedule", "fields"), TRANSLATED)
def test_what_cron_writes_otherwise_is_translated(schedule: str, fields: str) -> None:
    assert translate(schedule) == fields


@pytest.mark.parametrize(("schedule", "problem"), REFUSED)
def test_what_cannot_be_expressed_is_refused_with_its_problem(schedule: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        translate(schedule)
    assert problem in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("schedule", "fields"), [*zip(SAME, SAME, strict=True), *TRANSLATED])
def test_a_translation_is_live_and_its_own_translation(schedule: str, fields: str) -> None:
    assert is_live(fields)
    assert translate(fields) == fields


@pytest.mark.parametrize("fields", ["0 0 * * 7", "@reboot", "@hourly", "0 0 * * sun,5-7"])
def test_what_cron_takes_beyond_a_manifest_is_live(fields: str) -> None:
    assert is_live(fields)


@pytest.mark.parametrize(
    "fields",
    [
        "",
        "# * * * *",
        "#0 1 * * *",
        "# 0 1 * * *",
        "0 1 * * foo",
        "@every 5m",
        "@often",
        "0 1 ? * *",
        "5/10 * * * *",
        "60 * * * *",
        "0 1 * *",
    ],
)
def test_what_cron_does_not_take_is_not_live(fields: str) -> None:
    assert not is_live(fields)


def test_what_can_be_expressed_is_told_in_one_line() -> None:
    assert "\n" not in EXPRESSIBLE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*/15 * * * *", "0,15,30,45 * * * *"),
        ("0 0 ? * 1-5", "0  0 * * mon-fri"),
        ("@weekly", "0 0 * * SUN"),
        ("@every 60m", "@every 1h"),
        ("0 0 1-31 * 1", "0 0 * * *"),
        ("5/20 * * * *", "5,25,45 * * * *"),
        ("0 3 * * 1/2", "0 3 * * 1,3,5"),
    ],
)
def test_schedules_that_fire_at_the_same_times_are_equal(one: str, other: str) -> None:
    assert schedule_meaning(one) == schedule_meaning(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 0 1 * 1", "0 0 1 * *"),
        ("@every 60s", "* * * * *"),
        ("@every m", "@every  m"),
        ("@every \u0661m", "@every 1m"),
        ("61 * * * *", "61  * * * *"),
        ("nonsense", "Nonsense"),
        ("", " "),
    ],
)
def test_others_are_not(one: str, other: str) -> None:
    assert schedule_meaning(one) != schedule_meaning(other)
