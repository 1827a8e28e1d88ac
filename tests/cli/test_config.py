"""Configuration from options: plain, from a file, from the environment; errors show no value."""

import os
import sys
from pathlib import Path

import pytest

from transportlab.cli.config import MAX_BYTES, Configuration, configuration
from transportlab.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_each_way_gives_its_values(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("from a=file")
    monkeypatch.setenv("MY_TOKEN", "from the environment")
    found = configuration(["path=/etc/crontab", "x=a=b"], [f"key={file}"], ["token=MY_TOKEN"])
    assert found.plain == {"path": "/etc/crontab", "x": "a=b"}
    assert found.secrets == {"key": "from a=file", "token": "from the environment"}
    assert found
    assert not configuration()


def test_a_configuration_does_not_show_its_secrets() -> None:
    assert "s3cr3t" not in repr(Configuration({"path": "/x"}, {"token": "s3cr3t"}))
    assert "/x" in repr(Configuration({"path": "/x"}, {"token": "s3cr3t"}))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("line\n", "line"),
        ("line\r\n", "line"),
        ("line\n\n", "line\n"),
        ("line\r", "line\r"),
        (" pad \n", " pad "),
        ("a\nb c\n", "a\nb c"),
        ("", ""),
        ("\n", ""),
        ("Zürich\n", "Zürich"),
        ("x" * MAX_BYTES, "x" * MAX_BYTES),
    ],
)
def test_one_line_end_is_dropped(
    data: str, value: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(data.encode())
    assert configuration(files=[f"key={file}"]).secrets == {"key": value}
    monkeypatch.setenv("MY_KEY", data)
    assert configuration(variables=["key=MY_KEY"]).secrets == {"key": value}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"s3cr3t" + b"x" * MAX_BYTES, f"more than {MAX_BYTES} bytes"),
        (b"s3cr3t\xff", "not UTF-8"),
        (b"s3c\n", "fewer than 4 characters"),
    ],
)
def test_what_is_no_secret_is_refused_with_its_place_and_without_its_value(
    data: bytes, problem: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_bytes(data)
    monkeypatch.setitem(os.environb, b"MY_KEY", data)
    for files, variables, place in (
        ([f"key={file}"], [], f"--backend-config-file key={file}: "),
        ([], ["key=MY_KEY"], "--backend-config-env key=MY_KEY: "),
    ):
        with pytest.raises(UsageError) as caught:
            configuration(files=files, variables=variables)
        assert str(caught.value).startswith(place)
        assert problem in str(caught.value)
        assert "s3c" not in str(caught.value).removeprefix(place)


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(UsageError, match="more than"):
        configuration(files=["key=/dev/zero"])


@pytest.mark.parametrize(
    ("files", "variables", "problem"),
    [
        (["key=/no/such/file"], [], "--backend-config-file key=/no/such/file: No such file"),
        (["key=/"], [], "--backend-config-file key=/: Is a directory"),
        (["key=a\0b"], [], "embedded null byte"),
        ([], ["key=NO_SUCH_VARIABLE"], "--backend-config-env key=NO_SUCH_VARIABLE: no such"),
    ],
)
def test_a_place_that_is_none_is_told(files: list[str], variables: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        configuration(files=files, variables=variables)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((["s3cr3t"], [], []), "--backend-config: expected NAME=VALUE"),
        ((["=s3cr3t"], [], []), "--backend-config: expected NAME=VALUE"),
        (([], ["s3cr3t"], []), "--backend-config-file: expected NAME=PATH"),
        (([], [], ["=s3cr3t"]), "--backend-config-env: expected NAME=VARIABLE"),
        ((["a=s3cr3t", "a=s3cr3t"], [], []), "--backend-config a: this name is given twice"),
        ((["a=s3cr3t"], ["a=/dev/null"], []), "--backend-config-file a: this name is given twice"),
        (([], ["a=/dev/null"], ["a=HOME"]), "--backend-config-env a: this name is given twice"),
    ],
)
def test_options_that_cannot_be_read_are_named_without_what_was_given(
    given: tuple[list[str], list[str], list[str]], problem: str
) -> None:
    with pytest.raises(UsageError) as caught:
        configuration(*given)
    assert str(caught.value) == problem


def test_what_is_printed_meanwhile_is_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with Configuration({"path": "/x"}, {"token": "s3cr3t"}).hidden() as redactor:
        print("out s3cr3t /x")
        print("err s3cr3t /x", file=sys.stderr, flush=True)
        sys.stderr.writelines(["lines s3cr3t\n"])
        assert not sys.stderr.isatty()
    assert redactor.text("s3cr3t") == "[token]"
    print("after s3cr3t")
    assert capsys.readouterr() == (
        "out [token] /x\nafter s3cr3t\n",
        "err [token] /x\nlines [token]\n",
    )
    before = sys.stderr
    with Configuration({"path": "/x"}).hidden() as redactor:
        assert sys.stderr is before
    assert not redactor
