"""The parser of crontabs: bytes stay what they are, and a marker owns its line or none."""

from pathlib import Path

import pytest

from transportlab.backends.crontab.lines import (
    Item,
    Malformed,
    Owned,
    Wording,
    bare,
    owned,
    parse,
    parse_marker,
    split_line,
    unmarked,
)
from transportlab.model import Entry

SAMPLES = Path(__file__).parents[3] / "spec" / "crontabs"
MARKER = b"# cronix:owned app=a job=b hash=c0 idx=0"
LINE = b"0 1 * * * cronix trigger a.b"


def kinds(data: bytes) -> list[str]:
    items = parse(data)
    assert b"".join(item.raw for item in items) == data
    names = {Item: "foreign", Owned: "owned", Malformed: "malformed"}
    return [names[type(item)] for item in items]


def only(data: bytes) -> Owned:
    (item,) = parse(data)
    assert isinstance(item, Owned)
    return item


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir()))
def test_the_items_of_a_sample_cut_off_anywhere_are_its_bytes(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    for end in range(len(data) + 1):
        assert b"".join(item.raw for item in parse(data[:end])) == data[:end]


def test_a_marker_owns_the_line_above() -> None:
    assert kinds(LINE + b"\n" + MARKER + b"\n") == ["owned"]
    assert kinds(b"x\n" + LINE + b"\n" + MARKER + b"\ny\n") == ["foreign", "owned", "foreign"]
    assert kinds(LINE + b"\r\n" + MARKER + b"\r\n") == ["owned"]
    assert kinds(LINE + b"\n" + MARKER) == ["owned"]
    assert kinds(LINE + b"\r\n" + MARKER + b"\r") == ["owned"]


def test_an_entry_is_what_the_line_and_its_marker_say() -> None:
    entry = only(b"0\t1  * * mon cronix trigger a.b\n" + MARKER).entry(7)
    assert entry == Entry("a", "b", 0, "c0", "0 1 * * mon", "cronix trigger a.b", "line 7")
    assert only(LINE + b"\n" + MARKER).entry().location == ""


@pytest.mark.parametrize(
    ("line", "schedule", "command"),
    [
        (
            b"# 0 1 * * * cronix trigger a.b",
            "# 0 1 * * *",
            "cronix trigger a.b",
        ),
        (
            b"#0 1 * * * cronix trigger a.b",
            "#0 1 * * *",
            "cronix trigger a.b",
        ),
        (b"0 1 * * * /opt/x trigger a.b --dry ", "0 1 * * *", "/opt/x trigger a.b --dry "),
        (b"@daily cronix\ttrigger a.b", "@daily", "cronix\ttrigger a.b"),
        (
            b" 0 1 * * * root cronix trigger a.b",
            "0 1 * * *",
            "root cronix trigger a.b",
        ),
        (b"trigger a.b", "", "trigger a.b"),
        (b"# trigger x trigger a.b", "# trigger", "x trigger a.b"),
        (
            b"0 1 * * \xff cronix trigger a.b \xfe",
            "0 1 * * \\xff",
            "cronix trigger a.b \\xfe",
        ),
    ],
)
def test_an_edited_line_is_still_its_markers_and_shown_as_it_stands(
    line: bytes, schedule: str, command: str
) -> None:
    item = only(line + b"\n" + MARKER)
    assert (item.schedule, item.command) == (schedule, command)


@pytest.mark.parametrize(
    "above",
    [
        b"",
        b"\n",
        b"0 1 * * * /usr/bin/nightly\n",
        b"0 1 * * * cronix trigger a.bb\n",
        b"0 1 * * * cronix trigger x a.b\n",
        b"0 1 * * * cronix trigger\n",
        b"0 1 * * * cronix trigger a.b\n\n",
        b"0 1 * * * cronix trigger a.b\n# between\n",
    ],
)
def test_a_marker_below_another_line_is_an_orphan_and_the_line_foreign(above: bytes) -> None:
    assert kinds(above + MARKER) == ["foreign", "malformed"] if above else ["malformed"]
    (*_, item) = parse(above + MARKER)
    assert isinstance(item, Malformed)
    assert item.reason == "the line above does not run trigger a.b"
    assert item.raw == MARKER


def test_two_markers_do_not_own_one_line() -> None:
    assert kinds(LINE + b"\n" + MARKER + b"\n" + MARKER + b"\n") == ["owned", "malformed"]


def test_a_malformed_marker_is_no_line_that_another_could_own() -> None:
    assert kinds(b"# cronix:owned trigger a.b\n" + MARKER) == ["malformed", "malformed"]


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        (b"# cronix:owned", "not of the form"),
        (MARKER + b" ", "not of the form"),
        (MARKER + b" # x", "not of the form"),
        (MARKER.replace(b" app", b"  app"), "not of the form"),
        (MARKER.replace(b"owned", b"ownedx"), "not of the form"),
        (MARKER.replace(b"app=a job=b", b"job=b app=a"), "not of the form"),
        (MARKER.replace(b" idx=0", b""), "not of the form"),
        (MARKER.replace(b"app=a", b"app=A"), "not a name"),
        (MARKER.replace(b"job=b", b"job="), "not a name"),
        (MARKER.replace(b"job=b", b"job=\xff"), "not a name"),
        (MARKER.replace(b"hash=c0", b"hash="), "hash"),
        (MARKER.replace(b"hash=c0", b"hash=" + b"0" * 65), "hash"),
        (MARKER.replace(b"idx=0", b"idx="), "idx is not a number"),
        (MARKER.replace(b"idx=0", b"idx=-1"), "idx is not a number"),
        (MARKER.replace(b"idx=0", "idx=٣".encode()), "idx is not a number"),
        (MARKER.replace(b"idx=0", b"idx=64"), "idx out of range"),
        (MARKER.replace(b"idx=0", b"idx=99999999999"), "idx out of range"),
        (MARKER.replace(b"idx=0", b"idx=" + b"9" * 100_000), "idx out of range"),
    ],
    ids=range(18),
)
def test_what_begins_like_a_marker_and_is_none_is_malformed(marker: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_marker(marker)
    assert kinds(LINE + b"\n" + marker + b"\n") == ["foreign", "malformed"]


@pytest.mark.parametrize(("text", "index"), [(b"0", 0), (b"63", 63), (b"007", 7), (b"000", 0)])
def test_an_index_is_digits_up_to_63(text: bytes, index: int) -> None:
    assert parse_marker(MARKER.replace(b"idx=0", b"idx=" + text)).index == index


@pytest.mark.parametrize(
    "line", [b" " + MARKER, b"#cronix:owned app=a", b"x # cronix:owned", b"\r" + MARKER]
)
def test_what_does_not_begin_like_a_marker_is_foreign(line: bytes) -> None:
    assert kinds(LINE + b"\n" + line + b"\n") == ["foreign"]


@pytest.mark.parametrize(
    ("line", "text"), [(b"a\r\n", b"a"), (b"a\n", b"a"), (b"a\r", b"a"), (b"a\r\r\n", b"a\r")]
)
def test_one_carriage_return_belongs_to_the_line_end(line: bytes, text: bytes) -> None:
    assert bare(line) == text


@pytest.mark.parametrize("line", [b"", b"# 0 1 * * * x", b"0 1 * * *", b"A=b", b"@daily"])
def test_a_line_without_schedule_and_command_has_none(line: bytes) -> None:
    assert split_line(line) is None


def test_what_is_written_is_read_back() -> None:
    entry = Entry("a", "b", 63, "0f", "0 1 * * *", "cronix trigger a.b")
    made = owned(entry)
    assert made.raw.count(b"\n") == 2
    assert only(made.raw).entry() == entry


WORDING = Wording("/usr/local/bin/cronix")


@pytest.mark.parametrize(
    "command",
    [
        b"/usr/local/bin/cronix trigger shop.sweep",
        b"cronix trigger shop.sweep",
        b"/opt/bin/cronix trigger shop.sweep",
        b"/usr/local/bin/cronix trigger shop.sweep >> /var/log/sweep 2>&1",
        b"/usr/local/bin/cronix trigger shop.sweep | logger",
        b"/usr/local/bin/cronix trigger shop.sweep # nightly",
        b"/usr/local/bin/cronix  trigger  shop.sweep",
        b"/usr/local/bin/cronix trigger shop.sweep\r",
        b"cd /srv && LANG=C cronix trigger shop.sweep; date",
        b"sh -c 'cronix trigger shop.sweep'",
        b"flock -n /tmp/l /usr/bin/env cronix --quiet trigger shop.sweep",
        b"root /usr/local/bin/cronix trigger shop.sweep",
    ],
)
def test_a_live_line_that_runs_a_job_is_seen_however_it_is_written(command: bytes) -> None:
    line = b"*/5 * * * * " + command
    [(entry, exact)] = unmarked(b"x\n" + line + b"\ny\n", 10, WORDING)
    assert (entry.app, entry.job, entry.hash) == ("shop", "sweep", "")
    assert (entry.schedule, entry.location) == ("*/5 * * * *", "line 11")
    assert entry.command == command.decode()
    assert exact is (command == b"/usr/local/bin/cronix trigger shop.sweep")


@pytest.mark.parametrize(
    "line",
    [
        b"# */5 * * * * cronix trigger shop.sweep",
        b"*/5 * * cronix trigger shop.sweep",
        b"99 * * * * cronix trigger shop.sweep",
        b"*/5 * * * * echo trigger shop.sweep",
        b"*/5 * * * * cronix trigger shop.sweep-old.bak",
        b"*/5 * * * * cronix trigger Shop.sweep",
        b"*/5 * * * * cronix untrigger shop.sweep2x_",
        b"CMD='cronix trigger shop.sweep'",
    ],
)
def test_a_line_that_does_not_run_a_job_is_not_taken_for_one(line: bytes) -> None:
    assert list(unmarked(line + b"\n", 1, WORDING)) == []


def test_a_line_that_runs_two_jobs_is_seen_for_both() -> None:
    line = b"0 1 * * * cronix trigger a.b && cronix trigger a.c\n"
    assert [entry.job for entry, _ in unmarked(line, 1, WORDING)] == ["b", "c"]
