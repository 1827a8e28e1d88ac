"""The first line of a script, read as the kernel and env(1) read it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from transportlab.host.inspection.check import Check, CheckFailed, Status
from transportlab.host.inspection.script import (
    HEAD,
    MAX_INTERPRETERS,
    FirstLine,
    env_search,
    first_line,
    resolve,
)

Put = Callable[..., Path]
Failing = Callable[..., dict[str, Check]]


def script(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    path.chmod(0o755)
    return path


LINES: dict[bytes, FirstLine] = {
    b"#!/bin/sh\necho": FirstLine("/bin/sh"),
    b"#!/bin/sh": FirstLine("/bin/sh"),
    b"#! \t /bin/sh \t\n": FirstLine("/bin/sh"),
    b"#!/bin/sh -e -u \n": FirstLine("/bin/sh", "-e -u"),
    b"#!/bin/sh\t-e\n": FirstLine("/bin/sh", "-e"),
    b"#!/bin/sh\r\n": FirstLine("/bin/sh\r", cr=True),
    b"#!/bin/sh -e\r\n": FirstLine("/bin/sh", "-e\r", cr=True),
    b"#!/bin/\xff\n": FirstLine("/bin/\udcff"),
    b"#!/bin/sh\0x": FirstLine("/bin/sh", "x"),
}


@pytest.mark.parametrize("head", LINES)
def test_path_and_argument_are_told_apart(head: bytes) -> None:
    assert first_line(head) == LINES[head]


@pytest.mark.parametrize("head", [b"#!", b"#!\n", b"#! \t \n/bin/sh", b"#!" + b" " * HEAD])
def test_a_line_without_a_path_is_told(head: bytes) -> None:
    assert first_line(head).problem == "no interpreter behind #!"


@pytest.mark.parametrize("length", [250, 252, 253, 254, 255, 300])
def test_a_path_is_taken_for_cut_where_the_kernel_does_so(tmp_path: Path, length: int) -> None:
    """Whether it is cut is the kernel's to say: a link of that length leads to the interpreter."""
    if len(str(tmp_path)) > length - 20:
        pytest.skip(f"not run: a path of {length} bytes has no room in {tmp_path}")
    folder = tmp_path / ("d" * (length - len(str(tmp_path)) - 12))
    folder.mkdir()
    interpreter = folder / "i".ljust(length - len(str(folder)) - 1, "i")
    interpreter.symlink_to("/bin/echo")
    assert len(str(interpreter)) == length
    file = script(tmp_path / "s", b"#!" + os.fsencode(interpreter) + b"\n" + b"#" * 100)
    try:
        ran = subprocess.run([file], capture_output=True, check=True).stdout == f"{file}\n".encode()
    except OSError:
        ran = False
    assert ran is not bool(first_line(file.read_bytes()[:HEAD]).problem)


def test_a_long_argument_is_cut_and_the_interpreter_runs(tmp_path: Path) -> None:
    file = script(tmp_path / "s", b"#!/bin/echo " + b"a" * 300 + b"\n")
    line = first_line(file.read_bytes()[:HEAD])
    done = subprocess.run([file], capture_output=True, check=True, text=True)
    assert done.stdout == f"{line.argument} {file}\n"


@pytest.mark.parametrize(
    ("argument", "program", "hint"),
    [
        ("sh", "sh", ""),
        ("-S sh -e", "sh", ""),
        ("-Ssh -e", "sh", ""),
        ("-S A=b sh", "sh", ""),
        ("--split-string=sh -e", "sh", ""),
        ("-S sh 'open", "sh", ""),
        ("sh -e", "sh -e", "env -S"),
        ("-iS PATH=/bin sh", "sh", ""),
        ("-S -u HOME -S 'sh -e'", "sh", ""),
    ],
)
def test_env_looks_for_the_program_that_the_line_names(
    argument: str, program: str, hint: str
) -> None:
    search = env_search(FirstLine("/usr/bin/env", argument), {"PATH": "/nowhere:/bin"})
    assert search is not None
    assert (search.program, bool(search.found)) == (program, program == "sh")
    assert hint in search.hint
    assert bool(hint) is bool(search.hint)


@pytest.mark.parametrize(
    "line",
    ["/bin/sh x", "/usr/bin/env", "env -S -i", "env --wrong sh", "env -S ${A} x", r"env -S sh\_-e"],
)
def test_another_interpreter_is_not_env_and_env_need_not_be_told_a_program(line: str) -> None:
    interpreter, _, argument = line.partition(" ")
    assert env_search(FirstLine(interpreter, argument), {}) is None


@pytest.mark.skipif(not os.path.exists("/usr/bin/env"), reason="not run: env is elsewhere")
@pytest.mark.parametrize("known", ["program", "none"])
@pytest.mark.parametrize("path", ["{folder}", "/nowhere", None])
@pytest.mark.parametrize(
    "argument",
    [
        "{name}",
        "{name} -e",
        "A=b",
        "-S {name} -e",
        "-S A=b PATH={folder} {name}",
        "-S PATH=/nowhere {name}",
        "-S -i {name}",
        "-S -u HOME {name}",
        "-S -u PATH {name}",
        "-S --unset=PATH {name}",
        "-S -i PATH={folder} {name}",
        "-vS {name}",
        "-S '{name}' -e",
        "{folder}/{name}",
    ],
)
def test_env_finds_what_it_is_said_to_find(
    tmp_path: Path, argument: str, path: str | None, known: str
) -> None:
    """env itself ends with 127 where it does not."""
    script(tmp_path / "program", b"#!/bin/sh\nexit 3\n")
    argument = argument.format(folder=tmp_path, name=known)
    environment = {} if path is None else {"PATH": path.format(folder=tmp_path)}
    search = env_search(FirstLine("/usr/bin/env", argument), environment)
    command = ["/usr/bin/env", argument]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if search is None:
        assert done.returncode == 0  # it shows its environment
    else:
        assert done.returncode == (3 if search.found else 127)


def test_scripts_that_run_scripts_are_followed_to_the_program(tmp_path: Path) -> None:
    first = script(tmp_path / "a", b"#!/usr/bin/env sh\n")
    second = script(tmp_path / "b", b"#!" + os.fsencode(first) + b"\n")
    chain, program = resolve(second, {"PATH": "/bin"})
    assert chain == f"{first} -> /bin/sh"
    assert program == Path("/bin/sh")


def test_as_many_scripts_in_a_row_as_the_kernel_runs(tmp_path: Path) -> None:
    last = "/bin/echo"
    for depth in range(1, MAX_INTERPRETERS + 3):
        file = script(tmp_path / str(depth), f"#!{last}\n".encode())
        try:
            subprocess.run([file], capture_output=True, check=True)
            ran = True
        except OSError:
            ran = False
        try:
            resolve(file, {})
            problem = ""
        except CheckFailed as failed:
            problem = failed.found
        assert ("too many scripts" in problem) is not ran, depth
        last = str(file)


REFUTED = [
    ("#!/no/such/sh\n", "/no/such/sh is not there"),
    ("#!{folder}\n", "is not a file"),
    ("#!{folder}/plain\n", "is not executable"),
    ("#!{folder}/link\n", "leads nowhere"),
    ("#!{folder}/text\n", "neither an ELF file nor a script"),
    ("#!./sh\n", "./sh is not a full path"),
    ("#!/bin/sh\r\n", "ends with CR LF, and CR is part of its last word: b'/bin/sh\\r'"),
    ("#!/usr/bin/env no-such-program\n", "env finds no 'no-such-program'; its PATH is /bin"),
    ("#!\n", "no interpreter behind #!"),
]


@pytest.mark.parametrize(("text", "found"), REFUTED)
def test_what_is_wrong_with_an_interpreter_is_told(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "plain").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    script(tmp_path / "text", b"hello")
    file = script(tmp_path / "s", text.format(folder=tmp_path).encode())
    with pytest.raises(CheckFailed) as caught:
        resolve(file, {"PATH": "/bin"})
    assert found in caught.value.found
    assert caught.value.action


def test_a_space_in_an_interpreters_path_is_told(tmp_path: Path) -> None:
    python = tmp_path / "a b" / "c d" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    with pytest.raises(CheckFailed) as caught:
        resolve(script(tmp_path / "s", f"#!{python} -I -S\n".encode()), {})
    cut = f"{tmp_path}/a is not there; to the kernel a path ends at its first space"
    assert caught.value.found == cut
    assert f"{python} where" in caught.value.action


# ---- and the start agrees


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#!/no/such/python\n", "/no/such/python is not there"),
        ("#!/bin/sh\r\n", "ends with CR LF"),
        ("#!./sh\n", "./sh is not a full path"),
        ("#!/" + "x" * 300 + "\n", "the path is cut at byte 256"),
    ],
)
def test_a_first_line_that_leads_to_no_program_is_told(
    put: Put, failing: Failing, line: str, words: str
) -> None:
    found = failing(put(line), "interpreter", "start")
    assert words in found["interpreter"].found
    assert found["machine"].status is Status.NOT_REACHED


@pytest.mark.parametrize("line", ["#!/usr/bin/env python9\n", "#!/usr/bin/env -S python9 -I\n"])
def test_a_program_that_env_does_not_find_is_told(put: Put, failing: Failing, line: str) -> None:
    found = failing(put(line), "interpreter", "handshake")
    assert "env finds no 'python9'" in found["interpreter"].found
    assert "exit status 127" in found["handshake"].found
