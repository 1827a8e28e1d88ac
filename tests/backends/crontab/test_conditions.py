"""What else decides whether and when cron runs a line, and what the backend says of it."""

import fcntl
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from transportlab import model
from transportlab.backend import Operations
from transportlab.backends.crontab import LOCK, PLUGIN
from transportlab.backends.crontab.conditions import fires_alike
from transportlab.context import Context
from transportlab.errors import Code, RpcError
from transportlab.model import AdoptOutcome, DesiredJob, Job
from transportlab.store.cron import meaning
from transportlab.store.file import SharedFile

LINE = "/usr/local/bin/cronix trigger shop.sweep"
MARK = "# cronix:owned app=shop job=sweep hash=ab idx=0"
ME = pwd.getpwuid(os.geteuid()).pw_name


def sweep(schedule: str = "*/5 * * * *", zone: str = "UTC") -> DesiredJob:
    return DesiredJob(Job("sweep", (schedule,), timezone=zone), ("ab",))


class Tab:
    """One crontab, and the backend on it."""

    def __init__(self, path: Path, config: Mapping[str, str]) -> None:
        self.path = path
        self.operations: Operations = PLUGIN.create(
            {"path": str(path), "timezone": "UTC", **config}
        )

    def plan(self, *jobs: DesiredJob) -> model.PlanReply:
        request = model.PlanRequest("shop", jobs or (sweep(),))
        return self.operations.plan(request, Context())

    def warnings(self, *jobs: DesiredJob) -> list[tuple[str, str]]:
        return [(w.reason, w.location) for w in self.plan(*jobs).warnings]

    def verified(self, *jobs: DesiredJob) -> model.VerifyOwnershipReply:
        request = model.VerifyOwnershipRequest("shop", jobs or (sweep(),))
        return self.operations.verify_ownership(request, Context())

    def drift(self) -> list[tuple[str, str]]:
        request = model.DriftRequest("shop", (sweep(),))
        items = self.operations.drift(request, Context()).items
        return [(item.kind.value, (item.actual or model.Entry()).location) for item in items]

    def adopt(self, desired: DesiredJob) -> model.AdoptReply:
        return self.operations.adopt(model.AdoptRequest("shop", desired), Context())

    def apply(self, *jobs: DesiredJob) -> None:
        list(self.operations.apply(model.ApplyRequest(self.plan(*jobs)), Context()))


MakeTab = Callable[..., Tab]


@pytest.fixture
def tab(tmp_path: Path) -> MakeTab:
    """tab(text, key=value, ...) is a crontab with that text, and its backend with that config."""

    def make(text: str = "", **config: str) -> Tab:
        path = tmp_path / "tab"
        path.write_text(text, newline="")
        path.chmod(0o600)
        return Tab(path, config)

    return make


UNMARKED = {
    "a trailing space after the marker": (f"*/5 * * * * {LINE}\n{MARK} \n", 1),
    "a line between entry and marker": (f"*/5 * * * * {LINE}\nX=1\n{MARK}\n", 1),
    "no marker": (f"x\n*/5 * * * * {LINE}\n", 2),
    "a redirection": (f"*/5 * * * * {LINE} >> /var/log/sweep 2>&1\n", 1),
    "a pipe": (f"*/5 * * * * {LINE} | logger\n", 1),
    "a trailing comment": (f"*/5 * * * * {LINE} # nightly\n", 1),
    "another path": ("@hourly /opt/bin/cronix trigger shop.sweep\n", 1),
    "no path": ("*/5 * * * * cronix trigger shop.sweep\n", 1),
    "another schedule": (f"1 2 3 4 5 {LINE}\n", 1),
}


@pytest.mark.parametrize(("text", "line"), UNMARKED.values(), ids=UNMARKED)
def test_a_line_that_would_make_a_job_run_twice_is_never_silent(
    tab: MakeTab, text: str, line: int
) -> None:
    subject = tab(text)
    where = f"line {line}"
    assert ("RUNS_TWICE", where) in subject.warnings()
    assert subject.drift() == [("missing", ""), ("foreign", where)]
    verdicts = [(i.verdict.value, i.entry.location) for i in subject.verified().items]
    assert verdicts == [("foreign", where)]
    subject.apply()
    assert ("foreign", where) in subject.drift()
    assert ("RUNS_TWICE", where) in subject.warnings()


def test_a_line_of_a_job_that_is_not_desired_is_told_as_that(tab: MakeTab) -> None:
    subject = tab("0 1 * * * cronix trigger shop.old\n0 1 * * * cronix trigger other.sweep\n")
    assert subject.warnings() == [("NOT_MANAGED", "line 1")]


def test_adopt_names_the_difference_of_a_line_that_it_cannot_mark(tab: MakeTab) -> None:
    text = f"*/5 * * * * {LINE} > /dev/null\n"
    subject = tab(text)
    reply = subject.adopt(sweep())
    [difference] = reply.differences
    assert reply.outcome is AdoptOutcome.DIVERGED
    assert (difference.expected, difference.got, difference.location) == (
        f"*/5 * * * * {LINE}",
        f"*/5 * * * * {LINE} > /dev/null",
        "line 1",
    )
    assert subject.path.read_text() == text


def test_adopt_marks_nothing_where_another_line_runs_the_job_as_well(tab: MakeTab) -> None:
    text = f"*/5 * * * * {LINE}\n1 1 * * * {LINE} --now\n"
    subject = tab(text)
    assert subject.adopt(sweep()).outcome is AdoptOutcome.DIVERGED
    assert subject.path.read_text() == text


EQUAL = [
    ("*/15 * * * *", "0,15,30,45 * * * *"),
    ("@hourly", "0 * * * *"),
    ("0 * * * *", "@hourly"),
    ("0 1 * * 0", "0 1 * * 7"),
    ("0 1 * * 1", "0 1 * * mon"),
    ("0 1 1 1 *", "0 1 1 jan *"),
    ("0 1 * * 1-5", "0 1 * * mon,tue,wed,thu,fri"),
    ("0 1 * * *", "00 01 * * *"),
]


@pytest.mark.parametrize(("desired", "written"), EQUAL)
def test_a_line_that_means_the_same_is_adopted_and_has_no_drift(
    tab: MakeTab, desired: str, written: str
) -> None:
    subject = tab(f"{written} {LINE}\n")
    assert subject.adopt(sweep(desired)).outcome is AdoptOutcome.ADOPTED
    assert subject.path.read_text() == f"{written} {LINE}\n{MARK}\n"
    assert [op.kind.value for op in subject.plan(sweep(desired)).ops] == ["skip"]
    assert [i.verdict.value for i in subject.verified(sweep(desired)).items] == ["owned"]
    assert subject.adopt(sweep(desired)).outcome is AdoptOutcome.ALREADY_MANAGED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("*/15 * * * *", "*/20 * * * *"),
        ("0 1 1 * 1", "0 1 1 * *"),
        ("0 1 */2 * 1", "0 1 1-31/2 * 1"),
        ("@reboot", "@hourly"),
        ("not a schedule", "nor this"),
    ],
)
def test_schedules_that_fire_at_other_times_do_not_mean_the_same(one: str, other: str) -> None:
    assert meaning(one) != meaning(other)


@pytest.mark.parametrize(
    ("schedule", "one", "other", "alike"),
    [
        ("0 1 * * *", "UTC", "UTC", True),
        ("0 1 * * *", "UTC", "Etc/UTC", True),
        ("0 1 * * *", "UTC", "Europe/Berlin", False),
        ("0 1 * * *", "Europe/Paris", "Europe/Berlin", True),
        ("0 1 * * *", "Europe/London", "Africa/Abidjan", False),  # alike in winter alone
        ("*/15 * * * *", "UTC", "Asia/Kathmandu", True),
        ("0 * * * *", "UTC", "Europe/Berlin", True),
        ("0 * * * *", "UTC", "Asia/Kolkata", False),
        ("0,30 * * * *", "UTC", "Asia/Kolkata", True),
        ("0 * * * 1", "UTC", "Europe/Berlin", False),
        ("* * * * *", "UTC", "No/Where", False),
    ],
)
def test_whether_a_schedule_fires_alike_in_two_zones(
    schedule: str, one: str, other: str, alike: bool
) -> None:
    assert fires_alike([schedule], one, other) is alike


def test_a_job_of_another_time_zone_than_the_crontabs_is_told(tab: MakeTab) -> None:
    subject = tab(timezone="Europe/Berlin")
    daily = sweep("0 1 * * *")
    assert subject.warnings(daily) == [("ZONE", str(subject.path))]
    subject.apply(daily)
    assert [w.reason for w in subject.verified(daily).warnings] == ["ZONE"]
    assert subject.warnings(sweep("0 1 * * *", "Europe/Berlin")) == []
    assert subject.warnings(sweep()) == []  # every five minutes, wherever one is


def test_a_new_line_is_not_put_below_a_cron_tz_that_is_wrong_for_it(tab: MakeTab) -> None:
    subject = tab("CRON_TZ=Asia/Tokyo\n0 1 * * * backup\n")
    daily = sweep("0 1 * * *")
    assert subject.warnings(daily) == []
    subject.apply(daily)
    assert subject.path.read_text() == (
        f"0 1 * * * {LINE}\n{MARK}\nCRON_TZ=Asia/Tokyo\n0 1 * * * backup\n"
    )
    assert subject.warnings(daily) == []


def test_a_line_below_a_cron_tz_that_is_wrong_for_it_is_told(tab: MakeTab) -> None:
    subject = tab(f"x\nCRON_TZ=Asia/Tokyo\n0 1 * * * {LINE}\n{MARK}\n")
    daily = sweep("0 1 * * *")
    assert [op.kind.value for op in subject.plan(daily).ops] == ["skip"]
    assert subject.warnings(daily) == [("ZONE", "line 2")]
    assert [(w.reason, w.location) for w in subject.verified(daily).warnings] == [
        ("ZONE", "line 2")
    ]
    assert subject.warnings(sweep("0 1 * * *", "Asia/Tokyo")) == []


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("TZ=Asia/Tokyo", True),
        ("SHELL=/usr/sbin/nologin", True),
        ("SHELL=/bin/bash", False),
        (' SHELL = "/bin/sh" ', False),
        ("MAILTO=ops@example.org", True),
        ('MAILTO=""', True),
        ("PATH=/usr/bin", False),  # the trigger is named by its whole path
        ("HOME=/srv", False),
        ("#TZ=Asia/Tokyo", False),
    ],
)
def test_a_setting_above_our_lines_that_changes_how_they_run_is_told(
    tab: MakeTab, setting: str, told: bool
) -> None:
    expected = [("ENVIRONMENT", "line 2")] if told else []
    assert tab(f"# mine\n{setting}\n").warnings() == expected
    below = tab(f"*/5 * * * * {LINE}\n{MARK}\n{setting}\n")
    assert below.warnings() == []


def test_a_path_matters_to_a_trigger_without_one(tab: MakeTab) -> None:
    assert tab("PATH=/usr/bin\n", trigger_bin="cronix").warnings() == [("ENVIRONMENT", "line 1")]


def test_carriage_returns_of_others_are_told(tab: MakeTab) -> None:
    subject = tab("# a comment may have one\r\n0 1 * * * backup\r\n0 2 * * * rest\r\n")
    [warning] = subject.plan().warnings
    assert (warning.reason, warning.location) == ("LINE_ENDS", "line 2")
    assert warning.message.startswith("2 lines")


def test_a_file_that_cron_would_ignore_is_told(tab: MakeTab) -> None:
    subject = tab("0 1 * * * backup")
    subject.path.chmod(0o620)
    place = str(subject.path)
    told = [("FILE_MODE", place), ("NO_FINAL_LINE_END", place)]
    assert subject.warnings() == told
    assert [(w.reason, w.location) for w in subject.verified().warnings] == told


# ---- system crontabs -------------------------------------------------------------------------


def test_lines_of_a_system_crontab_have_a_user(tab: MakeTab) -> None:
    subject = tab("17 * * * * root run-parts /etc/cron.hourly\n", format="system", user=ME)
    subject.apply()
    assert subject.path.read_text().splitlines()[1:] == [f"*/5 * * * * {ME} {LINE}", MARK]
    assert subject.drift() == []
    assert [i.verdict.value for i in subject.verified().items] == ["owned"]
    subject.path.write_text(subject.path.read_text().replace(f"{ME} /usr", "root2 /usr"))
    with pytest.raises(RpcError, match="root2"):
        subject.drift()


def test_a_new_system_crontab_has_the_mode_that_cron_wants(tmp_path: Path) -> None:
    subject = Tab(tmp_path / "tab", {"format": "system", "user": ME})
    subject.apply()
    assert subject.path.stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize(
    ("text", "config", "line"),
    [
        ("# x\n0 1 * * * root /usr/bin/backup\n", {}, 2),
        ("0 1 * * * /usr/bin/backup\n", {"format": "system", "user": ME}, 1),
        ("0 1 * * * nobody-at-all backup now\n", {"format": "system", "user": ME}, 1),
        (f"*/5 * * * * {LINE}\n{MARK}\n", {"format": "system", "user": ME}, 1),
    ],
)
def test_a_crontab_of_the_other_format_is_refused_with_the_line(
    tab: MakeTab, text: str, config: dict[str, str], line: int
) -> None:
    subject = tab(text, **config)
    for call in (subject.plan, subject.verified, subject.drift):
        with pytest.raises(RpcError) as caught:
            call()
        assert caught.value.code is Code.FAILED_PRECONDITION
        assert caught.value.details.path == f"{subject.path}:{line}"
        assert caught.value.details.action
    assert subject.path.read_text() == text


@pytest.mark.parametrize(
    "text", ["0 1 * * * mail -s x y\n", "0 1 * * * root\n", "@daily sync\n", "X=root y\n"]
)
def test_a_program_with_the_name_of_a_user_is_no_user_column(tab: MakeTab, text: str) -> None:
    if "mail" in text and not Path("/usr/bin/mail").exists():
        text = text.replace("mail", "sync")
    assert [op.kind.value for op in tab(text).plan().ops] == ["create"]


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"path": "/etc/crontab"}, "format"),
        ({"path": "/etc/cron.d/../cron.d/x"}, "format"),
        ({"format": "both"}, "format"),
        ({"format": "system"}, "user"),
        ({"format": "system", "user": "nobody-at-all"}, "user"),
        ({"user": "root"}, "user"),
    ],
)
def test_a_configuration_that_fits_no_crontab_is_refused(
    tmp_path: Path, config: dict[str, str], key: str
) -> None:
    with pytest.raises(RpcError) as caught:
        PLUGIN.create({"path": str(tmp_path / "tab"), **config})
    assert (caught.value.code, caught.value.details.path) == (
        Code.INVALID_ARGUMENT,
        f"config/{key}",
    )


def test_a_name_that_cron_skips_in_cron_d_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "cron.d"
    folder.mkdir()
    config = {"format": "system", "user": ME}
    assert Tab(folder / "shop.tab", config).warnings() == [("FILE_NAME", str(folder / "shop.tab"))]
    assert Tab(folder / "shop_tab", config).warnings() == []


# ---- beside cronix -----------------------------------------------------------------------------


def test_the_lock_that_cronix_takes_keeps_writers_out(tab: MakeTab) -> None:
    subject = tab()
    request = model.ApplyRequest(subject.plan())
    with open(f"{subject.path}.cronix.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RpcError) as caught:
            list(subject.operations.apply(request, Context(timeout=0.3)))
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        assert subject.path.read_text() == ""
    list(subject.operations.apply(request, Context()))
    assert LINE in subject.path.read_text()


def test_a_writer_holds_the_lock_that_cronix_takes(tab: MakeTab) -> None:
    subject = tab()
    subject.apply()
    code = (
        "import fcntl, sys\n"
        "with open(sys.argv[1]) as lock:\n"
        "    try: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except BlockingIOError: print('held')\n"
        "    else: print('free')\n"
    )
    lock = f"{subject.path}{LOCK}"

    def seen() -> str:
        command = [sys.executable, "-c", code, lock]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with SharedFile(str(subject.path), "path", lock_beside=LOCK).locked(Context()):
        assert seen() == "held"
    assert seen() == "free"


def test_what_cronix_wrote_is_owned_and_without_drift(tab: MakeTab) -> None:
    text = f"0 3 * * * backup\n*/5 * * * * {LINE}\n{MARK}\n"  # as its render() does
    subject = tab(text)
    assert [i.verdict.value for i in subject.verified().items] == ["owned"]
    assert subject.drift() == []
    assert subject.warnings() == []
    subject.apply()
    assert subject.path.read_text() == text


def test_a_hash_that_is_read_is_opaque_text(tab: MakeTab) -> None:
    subject = tab(f"*/5 * * * * {LINE}\n{MARK.replace('=ab', '=drift-spec-edited')}\n")
    [entry] = subject.operations.read(model.ReadRequest("shop"), Context()).entries
    assert entry.hash == "drift-spec-edited"
    assert subject.drift() == [("modified", "line 1")]
    subject.apply()
    assert subject.drift() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root can give files to others")
def test_a_file_of_another_owner_is_refused_before_anything_is_written(tab: MakeTab) -> None:
    subject = tab("0 1 * * * backup\n")
    subject.path.chmod(0o666)
    for folder in (subject.path.parent, *subject.path.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o777)
    request = model.ApplyRequest(subject.plan())
    before = subject.path.stat()
    Path(f"{subject.path}.cronix.lock").touch(mode=0o666)
    os.chmod(f"{subject.path}.cronix.lock", 0o666)
    os.seteuid(65534)
    try:
        with pytest.raises(RpcError) as caught:
            list(subject.operations.apply(request, Context()))
    finally:
        os.seteuid(0)
    assert caught.value.code is Code.PERMISSION_DENIED
    assert "belongs to 0:" in caught.value.message
    assert subject.path.stat() == before


# ---- large files --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_time_of_a_read_grows_with_the_file_and_not_faster(tab: MakeTab) -> None:
    def seconds(pairs: int) -> float:
        text = "".join(
            f"{n % 60} 1 * * * /usr/local/bin/cronix trigger shop.j{n // 64}\n"
            f"# cronix:owned app=shop job=j{n // 64} hash=ab idx={n % 64}\n"
            for n in range(pairs)
        )
        subject = tab(text + "# cronix:owned broken\n" * pairs)
        begin = time.process_time()
        reply = subject.operations.read(model.ReadRequest(), Context())
        assert (len(reply.entries), len(reply.malformed)) == (pairs, pairs)
        return time.process_time() - begin

    assert seconds(80_000) < 30 * seconds(10_000)  # linear is 8 times, quadratic 64
