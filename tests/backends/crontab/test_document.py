"""Changes of a crontab: what is foreign keeps its bytes, whatever they are."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transportlab.backends.crontab import lines
from transportlab.backends.crontab.document import NOTE, Document
from transportlab.backends.crontab.lines import Wording
from transportlab.model import Entry

SAMPLES = sorted(
    path for path in (Path(__file__).parents[3] / "spec" / "crontabs").iterdir() if not path.suffix
)
JOB = ("round", "trip")
WORDING = Wording("cronix")


def entries(count: int, digest: str = "ab") -> list[Entry]:
    return [
        Entry(*JOB, i, digest, f"{i} 1 * * *", "cronix trigger round.trip") for i in range(count)
    ]


def reread(document: Document) -> Document:
    """The crontab as another process would see it."""
    return Document.parse(document.render())


def there(document: Document) -> list[Entry]:
    found = reread(document).owned(*JOB)
    assert list(found) == list(document.owned(*JOB))
    return list(found)


def check_around(data: bytes, count: int) -> None:
    """Create, update and delete; the bytes must be what they were.

    Only a last line that is cronix's own keeps the line end that it gets.
    """
    (*_, last) = [None, *lines.parse(data)]
    start = Document.parse(data)
    if isinstance(last, lines.Owned) and not data.endswith(b"\n"):
        data += b"\n"
    created = reread(start.replaced([], entries(count)))
    assert there(created) == entries(count)
    assert created.render().startswith(data)
    assert created.render().endswith(b"\n")
    updated = reread(created.replaced([JOB], entries(count + 1, "cd")))
    assert there(updated) == entries(count + 1, "cd")
    assert updated.render().startswith(data)
    assert updated.replaced([JOB], []).render() == data
    assert reread(updated).replaced([JOB], []).render() == data


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_created_and_deleted_again_leaves_each_sample_as_it_was(
    path: Path, count: int
) -> None:
    check_around(path.read_bytes(), count)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_cut_off_anywhere_survives_too(path: Path) -> None:
    data = path.read_bytes()
    for end in range(len(data)):
        check_around(data[:end], 1)


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [
            b"\n",
            b"\r\n",
            b"\r",
            b"\0",
            b"\xff",
            b"# cronix:owned",
            b"# cronix:owned app=x job=y hash=ab idx=0",
            b"# cronix:owned app=round job=other hash=ab idx=0",
            b"0 1 * * * cronix trigger x.y",
            b"0 1 * * * cronix trigger round.trip",
            b"MAILTO=x",
        ]
    ),
)


@given(st.lists(PIECES, max_size=12).map(b"".join), st.integers(1, 3))
@example(b"x\r", 1)
@example(b"a\r\nb\r", 1)
@example(b"0 1 * * * cronix trigger x.y\r\n# cronix:owned app=x job=y hash=ab idx=0\r", 1)
def test_what_is_created_and_deleted_again_leaves_any_bytes_as_they_were(
    data: bytes, count: int
) -> None:
    check_around(data, count)


@given(st.lists(PIECES, max_size=8).map(b"".join), st.lists(PIECES, max_size=8).map(b"".join))
def test_an_update_in_the_middle_changes_no_byte_around_it(before: bytes, after: bytes) -> None:
    head = before + b"\n"
    middle = Document.parse(b"").replaced([], entries(2)).render()
    document = Document.parse(head + middle + after)
    if len(document.owned(*JOB)) != 2:
        return  # the bytes around have made a third of it
    new = Document.parse(b"").replaced([], entries(3, "cd")).render()
    assert document.replaced([JOB], entries(3, "cd")).render() == head + new + after


def test_pairs_that_were_apart_stand_where_the_first_was() -> None:
    one, two = (Document.parse(b"").replaced([], [e]).render() for e in entries(2))
    document = Document.parse(b"x\n" + one + b"y\n" + two + b"z\n")
    new = Document.parse(b"").replaced([], entries(2, "cd")).render()
    assert document.replaced([JOB], entries(2, "cd")).render() == b"x\n" + new + b"y\nz\n"


def test_new_lines_end_in_lf_also_where_all_others_end_in_cr_lf() -> None:
    data = b"MAILTO=x\r\n0 1 * * * y\r\n"
    assert Document.parse(data).replaced([], entries(1)).render() == data + (
        b"0 1 * * * cronix trigger round.trip\n# cronix:owned app=round job=trip hash=ab idx=0\n"
    )


def test_a_last_line_without_line_end_gets_one_and_a_note_of_it() -> None:
    document = Document.parse(b"0 1 * * * x").replaced([], entries(1))
    assert document.render().splitlines()[:2] == [b"0 1 * * * x", NOTE]


def test_a_note_that_something_follows_stays() -> None:
    data = Document.parse(b"x").replaced([], entries(1)).render() + b"added later\n"
    left = Document.parse(data).replaced([JOB], []).render()
    assert left == b"x\n" + NOTE + b"\nadded later\n"


def test_an_owned_last_line_without_line_end_gets_one_and_no_note() -> None:
    pair = Document.parse(b"").replaced([], entries(1)).render()
    other = [Entry("z", "z", 0, "ef", "0 2 * * *", "cronix trigger z.z")]
    for data in (pair.removesuffix(b"\n"), pair.removesuffix(b"\n") + b"\r"):
        made = Document.parse(data).replaced([], other).render()
        assert made.startswith(data + b"\n")
        assert NOTE not in made
        assert there(Document.parse(made)) == entries(1)


def test_a_change_that_would_give_an_orphan_marker_a_line_is_refused() -> None:
    line = b"0 9 * * * cronix trigger round.trip\n"
    pair = Document.parse(b"").replaced([], entries(1)).render()
    orphan = b"# cronix:owned app=round job=trip hash=ab idx=1\n"
    document = Document.parse(line + pair + orphan)
    assert len(document.snapshot(WORDING).malformed) == 1
    with pytest.raises(ValueError, match="idx=1"):
        document.replaced([JOB], [])
    assert len(document.replaced([JOB], entries(1, "cd")).owned(*JOB)) == 1


def test_adopting_puts_markers_below_lines_and_changes_none() -> None:
    data = b"x\n0 1 * * * cronix trigger round.trip\n\ty\n0 1 * * *  cronix trigger round.trip"
    document = Document.parse(data)
    first, second = document.snapshot(WORDING).candidates
    made = document.marked([(second, entries(2)[1]), (first, entries(1)[0])]).render()
    marks = [b"# cronix:owned app=round job=trip hash=ab idx=%d\n" % i for i in range(2)]
    old = data.split(b"\n")
    assert made == b"\n".join(old[:2]) + b"\n" + marks[0] + b"\n".join(old[2:]) + (b"\n" + marks[1])


def test_candidates_run_exactly_the_trigger() -> None:
    def found(line: bytes, binary: str = "cronix") -> int:
        return len(Document.parse(b"a\n" + line + b"\nb").snapshot(Wording(binary)).candidates)

    assert found(b"0 1 * * * cronix trigger a.b") == 1
    assert found(b"\t0  1 * * *\tcronix trigger a.b") == 1
    assert found(b"0 1 * * * cronix trigger a.b\r") == 0
    assert found(b"@daily cronix trigger a.b") == 1
    assert found(b"0 1 * * * /x/cronix trigger a.b", "/x/cronix") == 1
    for line in (
        b"0 1 * * * /x/cronix trigger a.b",
        b"0 1 * * * cronix trigger a.b ",
        b"0 1 * * * cronix  trigger a.b",
        b"0 1 * * * cronix trigger a.b.c",
        b"0 1 * * * cronix trigger a",
        b"0 1 * * * cronix trigger A.b",
        b"0 1 * * * root cronix trigger a.b",
        b"0 1 * * * echo cronix trigger a.b",
        b"# 0 1 * * * cronix trigger a.b",
        b"0 1 * * cronix trigger a.b",
        b"X=1 cronix trigger a.b",
        b"# cronix trigger a.b cronix trigger a.b",
    ):
        assert found(line) == 0, line


def test_a_long_malformed_marker_is_shown_cut() -> None:
    (shown,) = Document.parse(b"# cronix:owned " + b"\xff" * 100_000).snapshot(WORDING).malformed
    assert len(shown.text) == 200


ZONED = b"0 1 * * * a\nCRON_TZ=Asia/Tokyo\n0 2 * * * b\nCRON_TZ = 'Europe/Paris'\n0 3 * * * c\n"


@pytest.mark.parametrize(
    ("zone", "above"),
    [
        ("", b"CRON_TZ=Asia/Tokyo"),
        ("Asia/Tokyo", b"CRON_TZ = 'Europe/Paris'"),
        ("Europe/Paris", b""),
        ("America/Lima", b""),
    ],
)
def test_a_new_pair_goes_where_the_time_zone_is_right(zone: str, above: bytes) -> None:
    made = Document.parse(ZONED).replaced([], entries(1), lambda found: found == zone).render()
    pair = Document.parse(b"").replaced([], entries(1)).render()
    assert made.replace(pair, b"") == ZONED
    assert made.partition(pair)[2].startswith(above)


def test_a_changed_pair_leaves_a_place_whose_time_zone_is_wrong() -> None:
    pair = Document.parse(b"").replaced([], entries(1)).render()
    document = Document.parse(b"x\nCRON_TZ=Asia/Tokyo\n" + pair + b"y\n")
    stays = document.replaced([JOB], entries(1, "cd"), lambda zone: zone == "Asia/Tokyo").render()
    moves = document.replaced([JOB], entries(1, "cd"), lambda zone: zone == "").render()
    new = Document.parse(b"").replaced([], entries(1, "cd")).render()
    assert stays == b"x\nCRON_TZ=Asia/Tokyo\n" + new + b"y\n"
    assert moves == b"x\n" + new + b"CRON_TZ=Asia/Tokyo\ny\n"
