"""What a start does: how tools' output is read, what is told of it, and a seeded slow import."""

from pathlib import Path

import pytest

from tests.command import in_process
from transportlab.errors import LabError
from transportlab.evidence.gate import counts
from transportlab.evidence.gate.counts import Counts, Range, changes, count, reason
from transportlab.evidence.gate.measure import Target

STRACE = """\
10 execve("/p", ["/p"], 0x7f /* 8 vars */) = 0
10 openat(AT_FDCWD</x>, "/lib/a \\"b\\".so", O_RDONLY|O_CLOEXEC) = 3</lib/a.so>
10 openat(AT_FDCWD</x>, "/none", O_RDONLY) = -1 ENOENT (No such file or directory)
10 read(3</lib/a.so>, ""..., 832) = 832
11 read(4<socket:[77]>, ""..., 832) = 5
11 read(3</lib/a.so>,  <unfinished ...>
10 close(3</lib/a.so>) = 0
11 <... read resumed>""..., 4096) = 100
10 exit_group(0) = ?
10 +++ exited with 0 +++
"""


def test_strace_is_read_with_calls_in_two_lines() -> None:
    found = counts.trace(STRACE)
    assert found.counts == {"files": 1, "calls": 8, "bytes": 932}
    assert found.paths == ('/lib/a \\"b\\".so',)


def test_perf_is_read_where_the_processor_counts() -> None:
    assert counts.instructions("# started\n\n12345,,instructions:u,1,100.00,,\n") == 12345
    assert counts.instructions("<not supported>,,instructions:u,0,100.00,,\n") is None


def test_imports_are_read_between_other_lines() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:       100 |        100 |   os",
        "a plugin's own line",
        "import time:       200 |        350 | json",
    ]
    assert counts.imports(lines) == {"os": 100, "json": 350}


@pytest.mark.parametrize(
    ("base", "head", "more"),
    [
        (Range(5, 5), Range(5, 5), 0),
        (Range(5, 5), Range(6, 6), 1),
        (Range(6, 6), Range(5, 5), -1),
        (Range(5, 9), Range(12, 12), 0),  # they lie 3 apart, and the base alone differs by 4
        (Range(5, 9), Range(14, 14), 5),
        (Range(14, 18), Range(5, 5), -9),
    ],
)
def test_what_is_not_equal_each_time_must_differ_by_more_than_that(
    base: Range, head: Range, more: int
) -> None:
    assert head.more_than(base) == more


def found(modules: dict[str, int], paths: tuple[str, ...] = (), **numbers: int) -> Counts:
    counted = {kind: Range(number, number) for kind, number in numbers.items()}
    if modules:
        counted["modules"] = Range(len(modules), len(modules))
    return Counts(counted, {}, modules, paths)


def test_the_reason_names_new_packages_and_what_is_more() -> None:
    base = found({"os": 10, "json": 5}, files=10, calls=100, bytes=10**6, instructions=10**9)
    modules = {"os": 10, "jsonschema": 31000, "jsonschema.core": 900, "json.tool": 20}
    head = found(modules, files=422, calls=99, bytes=2_200_000, instructions=1_031_000_000)
    assert reason(base, head, ("/a/p", "/b/p")) == (
        "imports `jsonschema` (31.0 ms), `json.tool`, 2 modules more,"
        " 412 files opened more, 1 system call fewer, 1.2 MB read more,"
        " 31.0 million instructions more"
    )
    assert changes(base, base) == {}
    assert reason(base, base, ("/a/p", "/b/p")) == ""


def test_new_files_are_named_where_modules_are_not_counted() -> None:
    base = found({}, ("/w/base/bin/p", "/w/base/lib/x", "/etc/a"), files=3)
    head = found({}, ("/w/head/bin/p", "/w/head/lib/x", "/etc/a", "/etc/b"), files=4)
    told = reason(base, head, ("/w/base/bin/p", "/w/head/bin/p"))
    assert told == "opens `/etc/b`, 1 file opened more"


def test_the_builds_own_file_is_no_new_one() -> None:
    base, head = found({}, ("/w/old",), files=1), found({}, ("/w/new",), files=1)
    assert reason(base, head, ("/w/old", "/w/new")) == ""


def test_a_tool_that_cannot_run_here_is_a_reason_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path, stdio: str
) -> None:
    refusing = tmp_path / "strace"
    refusing.write_text("#!/bin/sh\necho 'ptrace: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = count(Target(str(bare), stdio)).not_counted
    assert told["files"] == told["calls"] == "strace cannot run the start here"
    assert told["instructions"] == "no perf"
    assert told["modules"] == "no Python, or one that ignores its environment (-E)"


def test_a_build_that_does_not_start_is_counted_as_nothing(dead: str, stdio: str) -> None:
    with pytest.raises(LabError):
        Target(dead, stdio).seconds()
    assert count(Target(dead, stdio)).counted == {}


@pytest.mark.long
def test_a_seeded_slow_import_is_named_by_the_gate(tmp_path: Path, bare: Path, stdio: str) -> None:
    """The head has a module that takes 40 ms, beside the plugin; what is counted tells which."""
    text = bare.read_text().replace(" -SE\n", "\n")
    builds = {}
    for name, more in (("base", ""), ("head", "import heavy_schema\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "heavy_schema.py").write_text("import time, wave\ntime.sleep(0.04)\n")
        build = folder / "cronix-backend-seeded"
        first, _, rest = text.partition("\n")
        build.write_text(f"{first}\n{more}{rest}")
        build.chmod(0o755)
        builds[name] = str(build)
    words = ["--plugin", builds["head"], "--against", builds["base"], "--transport", stdio]
    words += ["--fail-above", "10", "--pass-below", "900", "--pairs", "20", "--seconds", "600"]
    result = in_process(["gate", *words], {})
    assert result.code in {0, 1, 3}, result.output  # this machine is busy with other tests
    assert "imports `heavy_schema` (" in result.out, result.output
    assert "modules more" in result.out
    if "no strace" not in result.out and "strace cannot" not in result.out:
        assert "files opened more" in result.out
